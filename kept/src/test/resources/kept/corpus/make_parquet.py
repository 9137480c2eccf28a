"""Writes the Parquet files of ParquetReaderTest: python make_parquet.py, with pyarrow."""
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent
TEXTS = [f"Row {i} tells that {i * i} is the square of {i}: é 猫 🙂." for i in range(250)]
TEXTS[3] = None
TEXTS[4] = " \n"
TEXTS[5] = "two\nlines"
NUMBERS = list(range(250))

for codec in ["none", "snappy", "zstd", "gzip", "lz4"]:
    table = pa.table({"id": NUMBERS, "text": TEXTS})
    pq.write_table(table, FOLDER / f"text.{codec}.parquet", compression=codec, row_group_size=100)

MESSAGES = [
    [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
    [],
]
pq.write_table(pa.table({"messages": MESSAGES, "source": ["a", "b", "c"]}), FOLDER / "messages.parquet", compression="zstd")
SHARED = [[{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi!"}]]
pq.write_table(pa.table({"conversations": SHARED, "system": ["Be brief."], "tools": ['[{"name": "f"}]']}), FOLDER / "sharegpt.parquet")
pq.write_table(pa.table({"text": pa.array([b"good", b"caf\xe9"], pa.binary())}), FOLDER / "latin.parquet")
pq.write_table(pa.table({"text": [1, 2]}), FOLDER / "numbers.parquet")
