"""Who may come in from outside: headers, origins, addresses, wrong passwords."""
