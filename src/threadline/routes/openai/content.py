"""The content of a message in either of OpenAI's dialects, as parts of ours."""

from __future__ import annotations

import re
from typing import Final

from threadline.domain.messages import Part
from threadline.routes.openai.fields import Fields

_TEXTS: Final = ("text", "input_text", "output_text", "summary_text")
_DATA: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)[;,]")
_ADDRESS: Final = re.compile(r"(data:|https?://)", re.IGNORECASE)


def text_in(message: Fields, name: str = "content") -> str:
    """The text of a content that can have nothing else: a text, or a list of text blocks."""
    if isinstance(message.get(name), list):
        return "".join(_text(block) for block in message.each(name))
    return message.text(name) or ""


def parts_in(message: Fields, name: str = "content") -> list[Part]:
    """The parts of a user's content: text, images, files and sound."""
    if not isinstance(message.get(name), list):
        text = message.text(name)
        if text is None:
            raise message.wrong(name, "is missing.")
        return [{"type": "text", "text": text}]
    return [_part(block) for block in message.each(name)]


def _text(block: Fields) -> str:
    kind = block.needed("type")
    if kind == "refusal":
        return block.text("refusal") or ""
    if kind not in _TEXTS:
        raise block.wrong("type", "must be a kind of text here.")
    return block.text("text") or ""


def _part(block: Fields) -> Part:
    kind = block.needed("type")
    if kind in _TEXTS:
        return {"type": "text", "text": block.text("text") or ""}
    if kind in ("input_image", "image_url"):
        return _image(block)
    if kind in ("input_file", "file"):
        return _file(block.inner("file") or block)
    if kind == "input_audio":
        sound = block.inner("input_audio") or block
        form = sound.choice("format", ("wav", "mp3")) or "wav"
        media = "audio/mpeg" if form == "mp3" else "audio/wav"
        return {"type": "file", "mediaType": media, "url": f"data:{media};base64,{sound.needed('data')}"}
    raise block.wrong("type", f"is of no kind that is taken here: {kind[:40]}.")


def _image(block: Fields) -> Part:
    where = block.inner("image_url") if isinstance(block.get("image_url"), dict) else None
    if where is None and block.get("image_url") is None:
        raise block.wrong("image_url", "is missing: files that were uploaded elsewhere are not known here.")
    url = where.needed("url") if where is not None else block.needed("image_url")
    return {"type": "file", "mediaType": _media(block, "image_url", url, "image/*"), "url": url}


def _file(block: Fields) -> Part:
    name = "file_url" if block.get("file_url") is not None else "file_data"
    if block.get(name) is None:
        raise block.wrong(name, "is missing: files that were uploaded elsewhere are not known here.")
    url = block.needed(name)
    part: Part = {"type": "file", "mediaType": _media(block, name, url, "application/octet-stream"), "url": url}
    filename = block.text("filename", 200)
    return {**part, "filename": filename} if filename else part


def _media(block: Fields, name: str, url: str, usual: str) -> str:
    if not _ADDRESS.match(url):
        raise block.wrong(name, "must be a data: or an http(s): address.")
    found = _DATA.match(url)
    return found[1] if found else usual
