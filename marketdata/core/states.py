"""What makes an instrument another than it was told to be."""

from trading.core.events import InstrumentListed, InstrumentSettled, TermsChanged

StateEvent = InstrumentListed | TermsChanged | InstrumentSettled
