"""What an application does with asyncpg, which speaks the extended protocol in binary: the server's port is the argument."""
import asyncio
import sys

import asyncpg


async def main():
    pool = await asyncpg.create_pool(host="127.0.0.1", port=int(sys.argv[1]), user="ann", database="kyrodb",
                                     min_size=2, max_size=4)
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE apg (id bigint PRIMARY KEY, n integer, name text, x float8, b bytea)")
        await connection.executemany("INSERT INTO apg VALUES ($1, $2, $3, $4, $5)",
                                     [(i, -i, f"name {i}", i / 2, bytes([i, 0, 255])) for i in range(100)])
        row = await connection.fetchrow("SELECT * FROM apg WHERE id = $1", 7)
        assert tuple(row) == (7, -7, "name 7", 3.5, b"\x07\x00\xff"), row
        statement = await connection.prepare("SELECT count(*) FROM apg WHERE id < $1")
        assert [await statement.fetchval(n) for n in (0, 10, 1000)] == [0, 10, 100]
        async with connection.transaction():
            ids = [r["id"] async for r in connection.cursor("SELECT id FROM apg ORDER BY id", prefetch=7)]
        assert ids == list(range(100))
        try:
            async with connection.transaction():
                await connection.execute("DELETE FROM apg")
                await connection.execute("SELECT 1/0")
            raise AssertionError("a division by zero was taken")
        except asyncpg.exceptions.DivisionByZeroError:
            pass
        assert await connection.fetchval("SELECT count(*) FROM apg") == 100
        await connection.copy_records_to_table("apg", records=[(1000, 1, "c", 0.5, b"")],
                                               columns=["id", "n", "name", "x", "b"])
        heard = asyncio.get_running_loop().create_future()
        await connection.add_listener("news", lambda *arguments: heard.set_result(arguments[3]))
        async with pool.acquire() as other:
            await other.execute("NOTIFY news, 'hello'")
        assert await asyncio.wait_for(heard, 30) == "hello"
        await connection.reset()
    results = await asyncio.gather(*(pool.fetchval("SELECT $1::bigint * 2", i) for i in range(20)))
    assert results == [2 * i for i in range(20)]
    await pool.execute("DROP TABLE apg")
    await pool.close()
    print("asyncpg: all is well")


asyncio.run(main())
