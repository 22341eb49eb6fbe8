"""What the supergraphs of the tests are about."""

from typing import Any

from tests.federation.world import Ref


def objects(type_: str, **them: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"__typename": type_, **fields} for name, fields in them.items()}


def city(name: str) -> dict[str, Any]:
    return {"__typename": "City", "name": name, "pin": f"pin of {name}", "state": "UP"}


def size(width: int) -> dict[str, Any]:
    return {"__typename": "Size", "width": width, "height": width * 2}


def first(*items: Ref) -> Any:
    return lambda arguments: list(items)[: arguments.get("first")]


PRODUCTS = [Ref("Product", "p1"), Ref("Product", "p2"), Ref("Product", "p3")]
REVIEWS = [Ref("Review", "r1"), Ref("Review", "r2"), Ref("Review", "r3")]


def product(number: int, brand: str, similar: list[str], reviews: list[Ref]) -> dict[str, Any]:
    return {
        "upc": f"u{number}",
        "sku": f"s{number % 2}",
        "brand": Ref("Brand", brand),
        "name": f"Product {number}",
        "size": size(number),
        "price": lambda arguments: number * (1 if arguments.get("currency") == "USD" else 90),
        "similar": [Ref("Product", name) for name in similar],
        "inStock": number != 2,
        "stockedAt": [Ref("Warehouse", "w1")] if number == 1 else [],
        "reviews": first(*reviews),
    }


SHOP = {
    "Query": {
        "products": first(*PRODUCTS),
        "product": lambda arguments: next(
            (p for p in PRODUCTS if p.name == arguments["upc"].replace("u", "p")), None
        ),
        "featured": PRODUCTS[1],
        "warehouses": [Ref("Warehouse", "w1"), Ref("Warehouse", "w2")],
        "reviews": REVIEWS,
        "me": Ref("User", "a"),
        "users": [Ref("User", "a"), Ref("User", "b")],
    },
    "Product": objects(
        "Product",
        p1=product(1, "x", ["p2", "p3"], REVIEWS[:2]),
        p2=product(2, "x", ["p1"], REVIEWS[2:]),
        p3=product(3, "y", [], []),
    ),
    "Brand": objects(
        "Brand",
        x={"id": "x", "name": "Brand X", "owner": Ref("User", "b")},
        y={"id": "y", "name": "Brand Y", "owner": None},
    ),
    "Warehouse": objects(
        "Warehouse",
        w1={"code": "w1", "city": city("Agra"), "products": PRODUCTS, "keeper": Ref("User", "a")},
        w2={"code": "w2", "city": city("Mau"), "products": [], "keeper": Ref("User", "b")},
    ),
    "Review": objects(
        "Review",
        **{
            f"r{n}": {
                "id": f"r{n}",
                "stars": n,
                "product": PRODUCTS[0] if n < 3 else PRODUCTS[1],
                "author": Ref("User", "b" if n == 1 else "a") if n != 2 else None,
                "anonymous": Ref("User", "a") if n == 1 else None,
            }
            for n in (1, 2, 3)
        },
    ),
    "User": objects(
        "User",
        a={
            "id": "a",
            "email": "a@x",
            "name": "Asha",
            "nick": "A",
            "manager": Ref("User", "b"),
            "reviews": [REVIEWS[1]],
        },
        b={
            "id": "b",
            "email": "b@x",
            "name": None,
            "nick": None,
            "manager": None,
            "reviews": [REVIEWS[0], REVIEWS[2]],
        },
    ),
}

MEDIA = [Ref("Book", "b1"), Ref("Film", "f1"), Ref("Book", "b2"), Ref("Film", "f2")]
ITEMS = [MEDIA[0], Ref("Person", "n1"), MEDIA[1]]


def medium(id: str, creator: Any) -> dict[str, Any]:
    return {
        "id": id,
        "title": f"Title {id}",
        "creator": creator,
        "stars": len(id) + ord(id[1]),
        "critics": [Ref("Person", "n1"), Ref("Person", "n2")] if id[1] == "1" else [],
        "archived": id == "b2",
        "copies": ord(id[1]),
    }


STUDIO = {"__typename": "Studio", "name": "Studio S", "city": "Pune"}
LIBRARY = {
    "Query": {
        "shelf": MEDIA,
        "media": lambda arguments: next((m for m in MEDIA if m.name == arguments["id"]), None),
        "latest": Ref("Person", "n1"),
        "search": lambda arguments: ITEMS,
        "nodes": [*MEDIA[:2], Ref("Person", "n2")],
        "best": MEDIA[1],
        "loans": [Ref("Loan", "l1"), Ref("Loan", "l2")],
    },
    "Book": objects(
        "Book",
        b1={**medium("b1", Ref("Person", "n1")), "pages": 100, "format": "A5"},
        b2={**medium("b2", STUDIO), "pages": 7, "format": "A4"},
    ),
    "Film": objects(
        "Film",
        f1={**medium("f1", STUDIO), "minutes": 90, "format": ["35mm"]},
        f2={**medium("f2", Ref("Person", "n2")), "minutes": None, "format": []},
    ),
    "Person": objects(
        "Person",
        n1={"id": "n1", "name": "Nina", "strictness": 3},
        n2={"id": "n2", "name": "Nils", "strictness": 5},
    ),
    "Loan": objects(
        "Loan",
        l1={"id": "l1", "of": MEDIA[0], "days": 3},
        l2={"id": "l2", "of": MEDIA[3], "days": 4},
    ),
}


def employee(id: str, rank: str | None, office: str | None) -> dict[str, Any]:
    return {
        "id": id,
        "name": f"Name {id}",
        "rank": rank,
        "salary": ord(id[1]),
        "badge": f"badge {id}",
        "office": Ref("Office", office) if office else None,
    }


STAFF = [Ref("Employee", "e1"), Ref("Employee", "e2"), Ref("Employee", "e3")]
OFFICE: dict[str, Any] = {
    "Query": {
        "staff": lambda arguments: STAFF,
        "employee": lambda arguments: next((e for e in STAFF if e.name == arguments["id"]), None),
        "version": "1",
        "payslips": [
            {"__typename": "Payslip", "amount": 5, "employee": STAFF[0]},
            {"__typename": "Payslip", "amount": 6, "employee": STAFF[2]},
        ],
        "offices": [Ref("Office", "o1"), Ref("Office", "o2")],
    },
    "Mutation": {
        "hire": lambda arguments: STAFF[1],
        "rename": lambda arguments: STAFF[0],
        "pay": lambda arguments: {
            "__typename": "Payslip",
            "amount": arguments["amount"],
            "employee": STAFF[1],
        },
    },
    "Employee": objects(
        "Employee",
        e1=employee("e1", "CLERK", "o1"),
        e2=employee("e2", "OFFICER", "o2"),
        e3=employee("e3", None, None),
    ),
    "Office": objects(
        "Office",
        o1={"id": "o1", "floor": 1, "head": STAFF[0]},
        o2={"id": "o2", "floor": 2, "head": None},
    ),
}
for each in OFFICE["Employee"].values():
    each["desk"] = ""

THINGS = [Ref("Thing", "t1"), Ref("Thing", "t2")]


def thing(number: int) -> dict[str, Any]:
    return {
        "a": f"a{number}",
        "b": f"b{number}",
        "c": "c",
        "d": number,
        **{name: f"{name} {number}" for name in ("fromA", "fromBc", "fromD", "old")},
        "next": THINGS[1] if number == 1 else None,
    }


RING = {
    "Query": {"things": THINGS, "crates": [Ref("Crate", "k1"), Ref("Crate", "k2")]},
    "Thing": objects("Thing", t1=thing(1), t2=thing(2)),
    "Crate": objects(
        "Crate",
        k1={"part": THINGS[0], "no": 1, "fromA": "crate 1", "fromD": "crate d 1"},
        k2={"part": THINGS[1], "no": 1, "fromA": "crate 2", "fromD": "crate d 2"},
    ),
}
WORLDS: dict[str, Any] = {"shop": SHOP, "library": LIBRARY, "office": OFFICE, "ring": RING}
