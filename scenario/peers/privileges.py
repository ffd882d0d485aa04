"""What a user of MongoDB may do, according to connectionStatus. Nothing is tried for it, least of all a drop."""

from __future__ import annotations

import msgspec

# https://www.mongodb.com/docs/manual/reference/built-in-roles/: of a database, and of all
_WITHOUT_DROP = {"read", "readWrite", "userAdmin", "enableSharding"} | {
    *("readAnyDatabase", "readWriteAnyDatabase", "userAdminAnyDatabase", "clusterMonitor", "backup")
}
_OF_ONE = {"dbAdmin", "dbOwner"}  # they may drop their own database


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    db: str | None = None
    collection: str | None = None
    any_resource: bool = False


class _Privilege(msgspec.Struct, frozen=True):
    resource: _Resource
    actions: tuple[str, ...]


class _Role(msgspec.Struct, frozen=True):
    role: str
    db: str


class _AuthInfo(msgspec.Struct, frozen=True, rename="camel"):
    authenticated_users: tuple[object, ...] = ()
    authenticated_user_roles: tuple[_Role, ...] = ()
    authenticated_user_privileges: tuple[_Privilege, ...] = ()


def may_drop(auth_info: object, database: str) -> bool:
    """Whether the user in connectionStatus's authInfo may drop a database; True if it does not say."""
    try:
        rights = msgspec.convert(auth_info, _AuthInfo)
    except msgspec.ValidationError:
        return True
    if not rights.authenticated_users:  # nobody has to be somebody, or the first command would have been refused
        return True
    if rights.authenticated_user_privileges:
        return any(_covers(privilege, database) for privilege in rights.authenticated_user_privileges)
    return any(
        role.db == database if role.role in _OF_ONE else role.role not in _WITHOUT_DROP
        for role in rights.authenticated_user_roles
    )


def _covers(privilege: _Privilege, database: str) -> bool:
    resource = privilege.resource
    of_all = resource.collection == "" and resource.db in ("", database)
    return "dropDatabase" in privilege.actions and (resource.any_resource or of_all)
