"""Where in a list the next item is."""

import attrs

__all__ = ["Bookmark"]


@attrs.frozen
class Bookmark:
    """The place of the next item of a list; plain values, so that JSON can keep it.

    ``Bookmark(**json.loads(json.dumps(attrs.asdict(bookmark))))`` gives an equal one back.

    Attributes:
        page_num: the page that holds the next item, from 1.
        offset: how many rows of that page were read already.
        page_size: rows a page; a bookmark is true for this size only.
        part: which group of ten ids, from 0; 0 for every list that is asked for by one call.
        listing: which listing it belongs to, or "" where that is not known; it is not compared.
    """

    page_num: int
    offset: int = 0
    page_size: int = 10
    part: int = 0
    listing: str = attrs.field(default="", eq=False)
