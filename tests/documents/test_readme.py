"""The README and its Chinese text lead to files that are there. What both must say: tests/documents/test_twins.py."""

import pytest

from tests.documents.twins import ROOT, links


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_file_that_is_linked_is_there(name: str) -> None:
    assert [link for link in links((ROOT / name).read_text()) if not (ROOT / link).exists()] == []
