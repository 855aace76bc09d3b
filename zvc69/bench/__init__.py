"""Rate and distortion beside other codecs, on any clips: what `zvc69 bench rd` does, for use from Python too."""
from .clips import Clip, find_clips
from .peers import PEERS, Peer, all_peers
from .run import Coder, measure
from .store import Results, load
from .summary import summarise
from .variant import Variant, default_variants, parse_variant

__all__ = ["PEERS", "Clip", "Coder", "Peer", "Results", "Variant", "all_peers", "default_variants", "find_clips", "load", "measure", "parse_variant",
           "summarise"]
