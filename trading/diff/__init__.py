"""The DIFF protocol, which programs written with tqsdk speak: a client of our own protocol in its place."""
