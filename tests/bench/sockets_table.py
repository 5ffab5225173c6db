# SPDX-License-Identifier: Apache-2.0
"""The table that tests/bench/sockets prints: what an operation takes without a policy, and how many percent more it
takes in each other column; then the goals."""

ROWS = {"accept": "connect+accept+close", "request": "TCP request/response", "send": "UDP send",
        "stream": "stream, 256 KiB", "socket": "socket+close", "open": "open(2)+close",
        "write": "open(2) to write", "mkdir": "mkdir+rmdir", "mount": "mount+umount, tmpfs", "key": "add and unlink a key",
        "sysctl": "write a sysctl of TCP"}
WAYS = {"lo4": "loopback, IPv4", "lo6": "loopback, IPv6", "net4": "veth, IPv4", "net6": "veth, IPv6"}
ONLY = ("socket", "open", "write", "mkdir", "mount", "key", "sysctl")

# At most so many percent above none, by operation and the way's beginning.
GOALS = {
    "egress": {("accept", "lo"): 12, ("accept", "net"): 12, ("request", ""): 10, ("send", ""): 20, ("socket", ""): 8,
               ("stream", ""): 1.5},
    "connect": {("accept", "lo"): 5, ("accept", "net"): 5, ("request", ""): 3, ("send", ""): 10, ("socket", ""): 5},
    "beside": {("socket", ""): 4},
}
# At most so many instructions above programs that do nothing.
OPEN_GOAL = 50

ORDER = ("none again", "floor connect", "connect 10", "connect 10000", "floor egress", "egress 10", "egress 10000",
         "nft 10", "nft 10000", "floor beside", "beside")


def label(row):
    operation, way = row.split()
    return ROWS[operation] if operation in ONLY else f"{ROWS[operation]}, {WAYS[way]}"


def percent(costs, column, row):
    return (costs[column][row] / costs["none"][row] - 1) * 100


def verdicts(costs):
    """Lines: each goal that a row has, the worst of its lists, and the floor where the goal is below it."""
    for kind, goals in GOALS.items():
        columns = [column for column in costs if column.split()[0] == kind]
        for (operation, way), goal in goals.items():
            for row in (row for row in costs["none"] if row.startswith(f"{operation} {way}")):
                worst = max(percent(costs, column, row) for column in columns)
                floor = percent(costs, f"floor {kind}", row)
                word = "met" if worst <= goal else "MISSED"
                below = f", the floor is {floor:+.1f}" if goal < floor else ""
                yield f"{kind:8} {label(row):38} at most {goal:+5.1f} %: {worst:+6.1f}, {word}{below}"
    above = costs["beside"]["open lo4"] - costs["floor beside"]["open lo4"]
    word = "met" if above <= OPEN_GOAL else "MISSED"
    yield f"{'beside':8} {label('open lo4'):38} at most {OPEN_GOAL} instructions above the floor: {above:.0f}, {word}"


def show(kernel, costs, hooks):
    columns = [column for column in ORDER if column in costs]
    print(f"Linux {kernel}: instructions without a policy, and percent more with")
    for half in (0, 1):
        print(" " * 47 + "".join(f"{(column.split() + [''])[half]:>9}" for column in columns))
    for row, cost in costs["none"].items():
        print(f"{label(row):38}{cost:9.0f}" + "".join(f"{percent(costs, column, row):+9.1f}" for column in columns))
    print()
    for line in verdicts(costs):
        print(line)
    print()
    for kind, names in hooks.items():
        print(f"hooks under {kind}: {' '.join(names)}")
