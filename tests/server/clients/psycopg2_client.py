"""What an application does with psycopg2: the server's port is the argument; exits with 0 when all is well."""
import io
import sys

import psycopg2

connection = psycopg2.connect(host="127.0.0.1", port=int(sys.argv[1]), user="ann", dbname="kyrodb")
with connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE py (id bigint PRIMARY KEY, name text, price double precision, ok boolean)")
    cursor.executemany("INSERT INTO py VALUES (%s, %s, %s, %s)",
                       [(1, "it's", 1.5, True), (2, None, -2.25, False), (3, "häh\\", 1e300, None)])
with connection, connection.cursor() as cursor:
    cursor.execute("SELECT * FROM py WHERE id >= %s ORDER BY id", (1,))
    assert cursor.fetchall() == [(1, "it's", 1.5, True), (2, None, -2.25, False), (3, "häh\\", 1e300, None)]
    assert [column.name for column in cursor.description] == ["id", "name", "price", "ok"]
    assert [column.type_code for column in cursor.description] == [20, 25, 701, 16]

# An error ends the transaction, and says what it is.
try:
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO py VALUES (4, 'lost', 0, true)")
        cursor.execute("INSERT INTO py VALUES (1, 'twice', 0, true)")
    raise AssertionError("a duplicate key was taken")
except psycopg2.errors.UniqueViolation as error:
    assert error.pgcode == "23505"
with connection, connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM py")
    assert cursor.fetchone() == (3,)

# A cursor with a name lives in the server.
with connection, connection.cursor("named") as cursor:
    cursor.itersize = 2
    cursor.execute("SELECT id FROM py ORDER BY id")
    assert [row[0] for row in cursor] == [1, 2, 3]

# COPY both ways.
with connection, connection.cursor() as cursor:
    cursor.copy_expert("COPY py FROM STDIN (FORMAT csv)", io.StringIO('10,"a,b",1,t\n11,,2,f\n'))
    out = io.StringIO()
    cursor.copy_expert("COPY (SELECT id, name FROM py WHERE id > 9 ORDER BY id) TO STDOUT (FORMAT csv)", out)
    assert out.getvalue() == '10,"a,b"\n11,\n', out.getvalue()

# Notifications.
connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
with connection.cursor() as cursor:
    cursor.execute("LISTEN news")
    cursor.execute("NOTIFY news, 'hello'")
    connection.poll()
    assert [(n.channel, n.payload) for n in connection.notifies] == [("news", "hello")]
    cursor.execute("DROP TABLE py")
connection.close()
print("psycopg2: all is well")
