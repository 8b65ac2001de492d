"""Which orders meet, and at which price. Knows no accounts, no money and no instrument."""
