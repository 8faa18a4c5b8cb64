"""Build hook: the wheel carries the page, built here from `web/`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

import page


class PageHook(BuildHookInterface[Any]):
    """Builds `web/` for a wheel always, and for an editable install where it is not built yet, unless
    ``THREADLINE_SKIP_WEB=1``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it packs; ``version`` is ``editable`` or ``standard``."""
        root = Path(self.root)
        built = (page.static_folder(root) / page.INDEX).is_file()
        skip = built or os.environ.get("THREADLINE_SKIP_WEB") == "1"
        if self.target_name != "wheel" or (version == "editable" and skip):
            return
        if not (root / "web" / "package.json").is_file():
            self.app.display_warning("web/ is not here: this wheel carries no page")
            return
        with tempfile.TemporaryDirectory() as folder:
            page.put_node(Path(folder))
            page.install(root / "web", Path(folder))
            page.build(root, Path(folder))
