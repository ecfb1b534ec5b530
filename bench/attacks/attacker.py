"""`python -m bench.attacks.attacker NAME HOST PORT PATH SECONDS`: one attack, its own process."""

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict

from bench.attacks.attacks import ATTACKS, Attacked


async def attack(name: str, attacked: Attacked) -> None:
    """Do one attack; gone at the deadline, whatever it is doing then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(attacked.deadline_s - time.monotonic()):
            await ATTACKS[name](attacked)


def main(name: str, host: str, port: str, path: str, seconds: str) -> None:
    """Attack, then print what became of the connections as one JSON object."""
    attacked = Attacked(host, int(port), path, time.monotonic() + float(seconds))
    asyncio.run(attack(name, attacked))
    print(json.dumps({name: asdict(attacked)[name] for name in ("connections", "cut")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
