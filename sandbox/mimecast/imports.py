"""Bulk import of users from a CSV file, processed after the response.

Documented: the body is the file, the arguments are JSON in the header ``x-mc-arg``, the file must end with a newline,
columns are case-sensitive, an invalid password fails the import, the fields of get-import-status. EMU: values of
``status`` (``pending``, ``processing``, ``complete``), that an invalid password is reported at once, that an existing
user gets the name of its row, that XLS is refused.
Progress depends on time, so a restart loses no rows: ``mimecast.import_delay_seconds`` until the first row, then
``mimecast.import_rows_per_second``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from sandbox.mimecast import audit, clock, groups, ids, passwords, users
from sandbox.mimecast.envelope import CallError, Function, Item, ItemError, each, flag, text
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

IMPORTS = "mimecast.imports"
ROWS = "mimecast.importRows"

PATH = "/api/user/import-users"
PERMISSION = "Directories | Import | Edit"

_READ = "Directories | Import | Read"
_STATUS_LIMIT = 10
_DELAY_SECONDS = 0.2
_ROWS_PER_SECOND = 5_000


def start(caller: Caller, headers: Mapping[str, str], body: bytes) -> Response:
    """Accept and check a file. Responds with the import's id."""
    try:
        argument = _argument(headers.get("x-mc-arg", ""))
        rows = _rows(caller.world, body)
        group = _group(caller, argument)
    except CallError as error:
        return _failure(400, error.code, error.message)
    except ItemError as error:
        return _failure(200, error.code, error.message)
    except ids.MalformedIdError:
        return Response(status_code=400)
    world = caller.world
    number = ids.next_number(world)
    document = {
        "number": number,
        "account": caller.account,
        "created": world.now().isoformat(),
        "group": group,
        "clearGroup": flag(argument, "clearGroup"),
        "allowAddressMigration": flag(argument, "allowAddressMigration"),
        "notifyEmailAddress": text(argument, "notifyEmailAddress"),
        "total": len(rows),
        "done": 0,
        "successful": 0,
        "status": "pending",
    }
    with world.transaction():
        world.put(IMPORTS, str(number), document)
        world.put(ROWS, str(number), {"rows": rows})
        audit.record(world, caller.account, audit.Event.IMPORT, "", f"Import of {len(rows)} users started")
    found = {"id": ids.encode(world, ids.Kind.IMPORT, caller.account, number)}
    return JSONResponse({"meta": {"status": 200}, "data": [found], "fail": []})


def advance(world: World) -> None:
    """Process the rows due by now of all imports under way."""
    for document in world.all(IMPORTS):
        if document["status"] in ("pending", "processing"):
            with world.transaction():
                _advance(world, document)


def _advance(world: World, document: dict[str, Any]) -> None:
    delay = float(world.setting("mimecast.import_delay_seconds", _DELAY_SECONDS))
    pace = float(world.setting("mimecast.import_rows_per_second", _ROWS_PER_SECOND))
    running = (world.now() - datetime.fromisoformat(document["created"])).total_seconds() - delay
    if running < 0:
        return
    key = str(document["number"])
    rows = (world.get(ROWS, key) or {"rows": []})["rows"]
    due = min(int(running * pace) + 1, document["total"])
    if document["done"] == 0 and document["clearGroup"] and document["group"] is not None:
        _clear(world, document["group"])
    successful = sum(_import_row(world, document, row) for row in rows[document["done"] : due])
    complete = due == document["total"]
    document.update(
        done=due,
        successful=document["successful"] + successful,
        status="complete" if complete else "processing",
    )
    world.put(IMPORTS, key, document)
    if complete:
        world.delete(ROWS, key)
        info = f"Import finished: {document['successful']} of {document['total']} users"
        audit.record(world, document["account"], audit.Event.IMPORT, "", info)


def _import_row(world: World, document: dict[str, Any], row: list[str | None]) -> bool:
    """Create or update the user of one row. Returns whether that worked."""
    email, name, password = row
    account = document["account"]
    try:
        address = users.address_in({"emailAddress": email or ""})
        users.check_domain(world, account, address)
    except ItemError:
        return False
    taken = users.anywhere(world, address)
    if taken is not None and (taken["account"] != account or taken["source"] == "ldap" or taken["aliasFor"]):
        return False
    properties = {"password": password} if password else {}
    if taken is None:
        world.delete(users.USERS, address)  # the remains of a purge
        users.add(world, account, address, name or "", addressType="created_by_import", **properties)
    else:
        users.put(world, {**taken, "name": name or taken["name"], **properties})
    _join(world, document["group"], address)
    return True


def _join(world: World, number: int | None, address: str) -> None:
    group = world.get(groups.GROUPS, str(number)) if number is not None else None
    if group is None or world.get(groups.MEMBERS, f"{number}/{address}") is not None:
        return
    groups.add_member(world, group, address)


def _clear(world: World, number: int) -> None:
    group = world.get(groups.GROUPS, str(number))
    for member in groups.members_of(world, number) if group else ():
        groups.remove_member(world, group or {}, member["who"])


def _argument(header: str) -> Item:
    try:
        items = json.loads(header)["data"]
        argument: Item = dict(items[0]) if items else {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CallError("err_deserialise", "Header x-mc-arg is malformed") from error
    if text(argument, "fileType", "csv").lower() != "csv":
        raise ItemError("err_import_file_type", "This file type is not supported", field="fileType")
    return argument


def _group(caller: Caller, argument: Item) -> int | None:
    if "groupId" not in argument:
        return None
    number = ids.decode(caller.world, ids.Kind.FOLDER, text(argument, "groupId"))
    group = caller.world.get(groups.GROUPS, str(number))
    if group is None or group["account"] != caller.account:
        raise ItemError("err_folder_not_found", "Group is not found", field="groupId")
    return number


def _rows(world: World, body: bytes) -> list[list[str | None]]:
    """The address, name and hashed password of each row."""
    try:
        content = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemError("err_import_invalid_file", "The file is not UTF-8 text") from error
    if not content.endswith("\n"):
        raise ItemError("err_import_invalid_file", "The file must end with a newline")
    reader = csv.DictReader(io.StringIO(content))
    if "email" not in (reader.fieldnames or ()):
        raise ItemError("err_import_invalid_file", "The file has no column email")
    try:
        return [_row(world, row) for row in reader]
    except csv.Error as error:
        raise ItemError("err_import_invalid_file", "The file is not a CSV file") from error


def _row(world: World, row: Mapping[str, str]) -> list[str | None]:
    password = row.get("password")
    if password:
        users.check_password(world, password)
    return [row["email"], row.get("name"), passwords.hashed(password) if password else None]


def _failure(status: int, code: str, message: str) -> Response:
    error = {"code": code, "message": message, "retryable": False}
    return JSONResponse(
        {"meta": {"status": status}, "data": [], "fail": [{"errors": [error]}]}, status_code=status
    )


def _get_status(caller: Caller, item: Item) -> Item:
    number = ids.decode(caller.world, ids.Kind.IMPORT, text(item, "id"))
    document = caller.world.get(IMPORTS, str(number))
    if document is None or document["account"] != caller.account:
        raise ItemError("err_import_not_found", "Import is not found")
    return {
        "id": item["id"],
        "status": document["status"],
        "notifyEmailAddress": document["notifyEmailAddress"],
        "totalUsers": document["total"],
        "successfulImportedUsers": document["successful"],
        "allowAddressMigration": document["allowAddressMigration"],
        "clearGroup": document["clearGroup"],
        "created": clock.on_the_wire(document["created"]),
        "sourceFile": "import.csv",
        "importer": caller.client_id,
        "reportFile": "",
    }


FUNCTIONS = {"/api/user/get-import-status": Function(each(_get_status, "id"), _READ, _STATUS_LIMIT)}
