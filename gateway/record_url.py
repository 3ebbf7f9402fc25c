"""The address of a customer's record in a CRM, made of a template and what is known of the caller. Pure.

    https://crm.example/?customer={customer.id}&call={call_id}

Every value is percent-encoded whole, so that nothing that a caller or an app says can be more than one value:
no other host, no further parameter, no script.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

PLAIN: Final = (
    "call_id", "entry", "queue", "agent", "number", "name", "handoff", "intent", "language", "channel",
)  # fmt: skip
GROUPS: Final = ("customer", "attributes")
MAX_VALUE: Final = 500
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_MEMBER: Final = re.compile(rf"({'|'.join(GROUPS)})\.[A-Za-z][A-Za-z0-9_.-]{{0,63}}")


def check_template(template: str) -> str:
    """The template itself. Raises ValueError for one that isn't an http or https URL, or names what there
    isn't.
    """
    parts = urlsplit(template)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("it begins with https:// or http:// and a host")
    if "{" in parts.netloc or re.search(r"[^\x21-\x7e]", template):
        raise ValueError("its host is fixed, and it has no blanks")
    for name in _PLACE.findall(template):
        if name not in PLAIN and not _MEMBER.fullmatch(name):
            known = ", ".join((*PLAIN, *(f"{group}.NAME" for group in GROUPS)))
            raise ValueError(f"there is no {{{name}}}; there are {known}")
    if re.search(r"[{}]", _PLACE.sub("", template)):
        raise ValueError("a brace without its other one")
    return template


def record_url(template: str, values: Mapping[str, Any]) -> str:
    """The address; what isn't known is empty. `values`: by name, `customer` and `attributes` mappings."""
    return _PLACE.sub(lambda found: quote(_text(_value(found[1], values)), safe=""), template)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    group, _, member = name.partition(".")
    if not member:
        return values.get(name)
    members = values.get(group)
    return members.get(member) if isinstance(members, Mapping) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # A half of a character can't be encoded.
    return text[:MAX_VALUE].encode("utf-8", "replace").decode("utf-8")
