"""Lines per second of Python drain3 (https://pypi.org/project/drain3) on the lines of the bench of `analysis::logs`.

    cargo run --release -p midwatch-analysis --example loglines -- 200000 > /tmp/lines.log
    python -m venv /tmp/drain3 && /tmp/drain3/bin/pip install drain3
    /tmp/drain3/bin/python crates/analysis/benches/peers/drain3_throughput.py /tmp/lines.log

One core, drain3's own defaults, with masks for addresses, identifiers and numbers as its documentation shows them.
Prints one line of JSON: {"peer", "lines", "bytes_per_line", "seconds", "lines_per_second", "templates"}.
"""

import json
import sys
import time

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

MASKS = [
    (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "UUID"),
    (r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?", "IP"),
    (r"\b(?:0x)?[0-9a-fA-F]{16,}\b", "HEX"),
    (r"(?<![A-Za-z0-9])[-+]?\d+(?![A-Za-z0-9])", "NUM"),
]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().splitlines()
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
    miner = TemplateMiner(config=config)
    start = time.perf_counter()
    for line in lines:
        miner.add_log_message(line)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "peer": "drain3",
                "lines": len(lines),
                "bytes_per_line": round(sum(map(len, lines)) / max(len(lines), 1), 1),
                "seconds": round(seconds, 3),
                "lines_per_second": round(len(lines) / seconds),
                "templates": len(miner.drain.clusters),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
