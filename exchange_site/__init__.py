"""Where objects meet: settings, wiring, the ASGI application. Imports everything, imported by nothing."""
