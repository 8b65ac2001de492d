"""The OpenAPI document of REST, made from the operations and the messages that they take and give."""

from drf_spectacular.openapi import AutoSchema


class OperationSchema(AutoSchema):
    """What the document says of one operation."""
