"""The command line's options for parameters that the runtime's messages name."""

from __future__ import annotations

FLAGS = {
    "inputs": "INPUT",
    "output": "OUT",
    "gallery": "--gallery",
    "device": "--device",
    "engine": "--engine",
    "workers": "--workers",
    "ray_address": "--ray-address",
    "memory_bytes": "--limit-memory",
    "threads": "--jobs",
    "min_face_px": "--min-face",
    "include_children": "--include-children",
    "end": "--end",
    "list_people": "--list-faces",
    "codec": "--codec",
    "quality": "--quality",
}


def in_terms_of_flags(sentence: str) -> str:
    """Replace parameters in backquotes in a message of the runtime by command line options."""
    for name, flag in FLAGS.items():
        sentence = sentence.replace(f"`{name}`", flag)
    return sentence
