"""All SQL of the fleet: what is counted, grouped and joined.

The statements keep to what DuckDB and Spark SQL both run, but for those of the merge, which is DuckDB's alone. The
types are DuckDB's names for them; `engine/spark.py` has Spark's.
`{group}` and `{column}` are names of ours, never a user's text.
"""

from __future__ import annotations

from typing import Final

HOST_COLUMNS: Final = {
    "record": "BIGINT",
    "host": "VARCHAR",
    "zone": "VARCHAR",
    "cluster": "VARCHAR",
    "labels": "MAP(VARCHAR, VARCHAR)",
    "brand": "VARCHAR",
    "generation": "VARCHAR",
    "qemu": "VARCHAR",
    "libvirt": "VARCHAR",
    "kernel": "VARCHAR",
    "microcode": "VARCHAR",
    "basis": "VARCHAR",
    "taken_at": "VARCHAR",
    "fp": "BIGINT",
}
GUEST_COLUMNS: Final = {
    "record": "BIGINT",
    "host": "VARCHAR",
    "guest": "VARCHAR",
    "running": "BOOLEAN",
    "asked": "VARCHAR",
    "got": "VARCHAR",
    "accelerator": "VARCHAR",
    "machine": "VARCHAR",
    "domain": "BOOLEAN",
}
CONFIGURATION_COLUMNS: Final = {
    "fp": "BIGINT",
    "layer": "VARCHAR",
    "vendor": "VARCHAR",
    "model": "VARCHAR",
    "definition": "VARCHAR",
    "named_models": "VARCHAR",
    "unnamed": "VARCHAR",
}
SUMMED_UP: Final = ("brand", "generation", "microcode", "kernel", "qemu", "libvirt", "basis")
VERSIONS: Final = ("microcode", "kernel", "qemu", "libvirt")

# The merge: of all records of a host the newest stays; of equally new ones a labelled one, then the one of the
# greater number, so that the order in which they came is of no matter.
MERGE: Final = """
CREATE TEMP TABLE winners AS
SELECT DISTINCT record, host FROM (
    SELECT record, host, row_number() OVER (
        PARTITION BY host
        ORDER BY taken_at DESC, zone <> '' DESC, cluster <> '' DESC, len(map_keys(labels)) DESC, record DESC
    ) AS place
    FROM (SELECT * FROM incoming_hosts UNION ALL BY NAME SELECT * FROM hosts)
) WHERE place = 1
"""
COUNT_ADDED: Final = "SELECT count(*) FROM winners WHERE record NOT IN (SELECT record FROM hosts)"
COUNT_SUPERSEDED: Final = "SELECT count(*) FROM hosts WHERE record NOT IN (SELECT record FROM winners)"
COUNT_LABELS_KEPT: Final = """
SELECT count(DISTINCT i.host) FROM incoming_hosts i JOIN hosts h ON i.host = h.host AND i.taken_at = h.taken_at
WHERE i.record NOT IN (SELECT record FROM winners) AND h.record IN (SELECT record FROM winners)
AND (i.zone <> '' OR i.cluster <> '' OR len(map_keys(i.labels)) > 0)
AND (i.zone <> h.zone OR i.cluster <> h.cluster OR CAST(i.labels AS VARCHAR) <> CAST(h.labels AS VARCHAR))
"""
ADDED_HOSTS: Final = """
SELECT DISTINCT * FROM incoming_hosts
WHERE record IN (SELECT record FROM winners) AND record NOT IN (SELECT record FROM hosts) ORDER BY host
"""
ADDED_GUESTS: Final = """
SELECT DISTINCT * FROM incoming_guests
WHERE record IN (SELECT record FROM winners) AND record NOT IN (SELECT record FROM hosts) ORDER BY host, guest
"""
ALL_HOSTS: Final = """
SELECT DISTINCT * FROM (SELECT * FROM incoming_hosts UNION ALL BY NAME SELECT * FROM hosts)
WHERE record IN (SELECT record FROM winners) ORDER BY host
"""
ALL_GUESTS: Final = """
SELECT DISTINCT * FROM (SELECT * FROM incoming_guests UNION ALL BY NAME SELECT * FROM guests)
WHERE record IN (SELECT record FROM winners) ORDER BY host, guest
"""
ADDED_CONFIGURATIONS: Final = """
SELECT DISTINCT * FROM incoming_configs
WHERE fp IN (SELECT fp FROM incoming_hosts WHERE record IN (SELECT record FROM winners))
AND fp NOT IN (SELECT fp FROM configs) ORDER BY fp, layer
"""

NEAREST_HOST: Final = "SELECT host FROM hosts ORDER BY levenshtein(host, ?), host LIMIT 1"
COUNT_HOSTS: Final = "SELECT count(*), count(DISTINCT fp) FROM hosts"
COUNT_GUESTS: Final = "SELECT count(*), count(CASE WHEN running THEN 1 END) FROM guests"
COUNT_BY: Final = "SELECT {column}, count(*) FROM hosts GROUP BY {column} ORDER BY count(*) DESC, {column}"
COUNT_CONFIGURATIONS: Final = "SELECT fp, count(*), min(host) FROM hosts GROUP BY fp ORDER BY count(*) DESC, fp"
CONFIGURATIONS: Final = "SELECT * FROM configs WHERE fp IN (SELECT fp FROM asked_hosts)"
ONE: Final = "CREATE OR REPLACE TEMP VIEW asked_hosts AS SELECT fp FROM hosts"
BOTH: Final = """
CREATE OR REPLACE TEMP VIEW asked_hosts AS SELECT fp FROM hosts UNION ALL SELECT fp FROM hosts_before
"""
LABEL: Final = "coalesce(labels[?], '')"
LABEL_NAMES: Final = """
SELECT DISTINCT name FROM (SELECT explode(map_keys(labels)) AS name FROM hosts) named ORDER BY name
"""
GROUPS: Final = """
SELECT place, fp, count(*), min(host) FROM (SELECT {group} AS place, fp, host FROM hosts) placed
GROUP BY place, fp ORDER BY place, count(*) DESC, fp
"""
# Numbers in one text, with commas: a list would be another type to each engine.
PICK: Final = "SELECT CAST(nullif(fp, '') AS BIGINT) AS fp FROM (SELECT explode(split(?, ',')) AS fp) listed"
PICKED_HOSTS: Final = "SELECT host, fp FROM hosts WHERE fp IN (SELECT fp FROM picked) ORDER BY host"
PICKED_NEIGHBOURS: Final = """
SELECT host FROM hosts WHERE fp IN (SELECT fp FROM picked) AND {group} = ? AND host <> ? ORDER BY host
"""
HOST: Final = "SELECT fp, {group} AS place FROM hosts WHERE host = ?"
VERSIONS_OF: Final = f"SELECT {', '.join(VERSIONS)} FROM hosts WHERE host = ?"  # noqa: S608 - columns of ours
# Names in one text, with line feeds, for the same reason.
GIVE_UP: Final = "SELECT explode(split(?, '\n')) AS host"
UNKNOWN_HOSTS: Final = """
SELECT DISTINCT host FROM given_up g WHERE NOT EXISTS (SELECT 1 FROM hosts h WHERE h.host = g.host) ORDER BY host
"""
STAYING: Final = """
SELECT fp, count(*), min(host) FROM hosts h WHERE NOT EXISTS (SELECT 1 FROM given_up g WHERE g.host = h.host)
GROUP BY fp ORDER BY count(*) DESC, fp
"""
GUESTS_OF: Final = """
SELECT guest, running, asked, got, accelerator, machine, domain FROM guests WHERE host = ? ORDER BY guest
"""
KINDS_OF_GUESTS: Final = """
SELECT h.fp, count(*), min(concat(g.host, '/', g.guest)),
g.running, g.asked, g.got, g.accelerator, g.machine, g.domain
FROM guests g JOIN hosts h ON g.host = h.host
GROUP BY h.fp, g.running, g.asked, g.got, g.accelerator, g.machine, g.domain
ORDER BY count(*) DESC, min(concat(g.host, '/', g.guest))
"""

# Two snapshots: `hosts_before` stands for the hosts of the earlier one.
# What hosts are compared by is joined and grouped as one number, for ten columns of each pair are slow; the few
# kinds that there are say what the numbers mean. The full join tells how many hosts are of one snapshot only, too:
# their other kind is null.
_COMPARED: Final = ", ".join(("fp", *VERSIONS))
_KIND: Final = f"xxhash64({_COMPARED})"
CHANGES: Final = f"""
SELECT a.kind, b.kind, count(*), min(a.host)
FROM (SELECT host, {_KIND} AS kind FROM hosts_before) a FULL JOIN (SELECT host, {_KIND} AS kind FROM hosts) b
ON a.host = b.host GROUP BY a.kind, b.kind
"""  # noqa: S608 - columns of ours
KINDS: Final = f"""
SELECT {_KIND} AS kind, {_COMPARED} FROM (
    SELECT DISTINCT {_COMPARED} FROM hosts_before UNION SELECT DISTINCT {_COMPARED} FROM hosts
) compared
"""  # noqa: S608 - the same
GONE: Final = """
SELECT host FROM hosts_before a WHERE NOT EXISTS (SELECT 1 FROM hosts b WHERE b.host = a.host) ORDER BY host
"""
NEW: Final = """
SELECT host FROM hosts b WHERE NOT EXISTS (SELECT 1 FROM hosts_before a WHERE a.host = b.host) ORDER BY host
"""

# The file of a matrix, which DuckDB alone writes.
MATRIX_COLUMNS: Final = {
    "place": "BIGINT",
    "fp": "BIGINT",
    "host": "VARCHAR",
    "hosts": "BIGINT",
    "vendor": "VARCHAR",
    "model": "VARCHAR",
    "basis": "VARCHAR",
    "possible": "BLOB",
    "compatible": "BLOB",
}
MATRIX_PART: Final = f"""
CREATE OR REPLACE TEMP TABLE part AS
SELECT {", ".join(f"unnest(CAST(? AS {kind}[])) AS {column}" for column, kind in MATRIX_COLUMNS.items())}
"""
MATRIX: Final = "SELECT * FROM parts"
