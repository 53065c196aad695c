"""The flags page matches the config."""

import importlib.util

from docs_support import ROOT


def test_the_flags_page_matches_the_config():
    path = ROOT / "docs" / "generate_flags.py"
    spec = importlib.util.spec_from_file_location("generate_flags", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "flags.md").read_text(encoding="utf-8")
    assert written == module.page(), "run: python docs/generate_flags.py"
