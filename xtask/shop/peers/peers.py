"""What the peers say of the series on standard input, as JSON on standard output.

    python peers.py about                     who they are, and how they are asked
    python peers.py <series.json              {"times": [...], "values": [[...], ...], "moments": {"60": 1.0, ...}}
"""

import json
import platform
import sys
import time

import methods
import numpy

# What a peer wants to be loaded is no part of its time.
import augurs, baro.root_cause_analysis, changepoint, pandas, ruptures  # noqa: E401, F401


def main(words):
    if words == ["about"]:
        said = {"python": platform.python_version(), "numpy": numpy.__version__, "peers": methods.about()}
        print(json.dumps(said))
        return
    given = json.load(sys.stdin)
    series = methods.Series(given)
    said = {}
    for peer in methods.ALL:
        begun = time.monotonic()
        asked = peer(series)
        found, seconds = {}, None
        for name, moment in given["moments"].items():
            said_of = asked.said(moment)
            found[name] = {"series": said_of, "unanswered": getattr(asked, "unanswered", 0)}
            # What the further moments take is no part of it: one is enough in earnest.
            seconds = round(time.monotonic() - begun, 2) if seconds is None else seconds
        said[peer.name] = {"seconds": seconds, "flags": peer.flags, "from": found}
    print(json.dumps(said))


main(sys.argv[1:])
