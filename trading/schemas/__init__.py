"""What documents for programs say of messages: words, JSON Schemas and codes. Pure."""
