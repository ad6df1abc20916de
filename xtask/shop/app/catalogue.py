"""Products and what customers think of them, from PostgreSQL."""

import os

import databases
import service
from service import log

service.telemetry()
app = service.web()
shop = databases.pool("postgres")
# Each product's page may be kept, so much of it; nothing bounds how many.
KEEP_MIB = int(os.environ.get("KEEP_PAGES_MIB", "0"))
kept = []


@app.get("/products")
def products():
    with shop.connection() as db:
        rows = db.execute("select id, name, price from products order by id limit 24").fetchall()
        if os.environ.get("STOCK_ON_FRONT_PAGE"):
            # Version 1.5.0 shows the stock of each product, too.
            stock = {row[0]: db.execute("select stock from inventory where product = %s", (row[0],)).fetchone() for row in rows}
            return [{"id": i, "name": name, "price": price, "left": stock[i].left} for i, name, price in rows]
    return [{"id": i, "name": name, "price": price} for i, name, price in rows]


@app.get("/products/<int:number>")
def product(number):
    with shop.connection() as db:
        row = db.execute("select id, name, price from products where id = %s", (number,)).fetchone()
        if row is None:
            return {"error": "no such product"}, 404
        stars = db.execute("select count(*), avg(stars) from reviews where product = %s", (number,)).fetchone()
        # What stands beside it on the shelf is shown with its stars, too.
        beside = db.execute(
            "select id, name, (select avg(stars) from reviews where product = products.id) from products where id = any(%s)",
            ([1 + (number + n) % 200 for n in range(4)],),
        ).fetchall()
    if KEEP_MIB:
        kept.append(os.urandom(KEEP_MIB << 20))
    shelf = [{"id": i, "name": name, "stars": float(mean or 0)} for i, name, mean in beside]
    return {"id": row[0], "name": row[1], "price": row[2], "reviews": stars[0], "stars": float(stars[1] or 0), "beside": shelf}


log.info("reviews are read from %s", f"postgres.{service.DOMAIN}")
service.serve(app)
