"""Answers given at the desk as rows: one for what each of them answers to, whoever answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from features.stores.desk import Answered, AnswerFate
from features.stores.sql.session import Row, Session, columns, table

_ROWS = table("desk_answer", answer_id="text", account="text", due_at="integer", claimed="integer", body="bytes")

WAITS: Final = 0
CLAIMED: Final = 1
DROPPED: Final = 2
TAKEN_BACK: Final = 3
TOLD: Final = 4
_FATES: Final = {
    WAITS: AnswerFate.WAITING,
    CLAIMED: AnswerFate.TELLING,
    DROPPED: AnswerFate.DROPPED,
    TAKEN_BACK: AnswerFate.OPEN,
    TOLD: AnswerFate.TOLD,
}
_REMEMBERED: Final = 86_400_000
"""ms for which it is known that an answer was told, dropped or taken back."""

DUE: Final = f"""SELECT answer_id, account, due_at, body FROM desk_answer
                 WHERE claimed IN ({WAITS}, {CLAIMED}) AND due_at <= ? ORDER BY due_at, answer_id LIMIT ?"""  # noqa: S608
_OF: Final = """SELECT a.answer_id, a.account, a.due_at, a.claimed, a.body FROM wanted w CROSS JOIN desk_answer a
                WHERE a.answer_id >= w.low AND a.answer_id < w.beyond"""
_BESIDE: Final = "SELECT a.claimed, a.due_at FROM wanted w CROSS JOIN desk_answer a WHERE a.answer_id = w.answer_id"
CLAIM: Final = f"""UPDATE desk_answer SET claimed = {CLAIMED}
                   WHERE answer_id = ? AND due_at = ? AND claimed IN ({WAITS}, {CLAIMED})"""  # noqa: S608
TAKE_BACK: Final = f"""UPDATE desk_answer SET claimed = {TAKEN_BACK}, body = ?
                       WHERE answer_id = ? AND account = ? AND due_at = ? AND claimed = {WAITS}"""  # noqa: S608
FINISH: Final = f"""UPDATE desk_answer SET claimed = ?, body = ?
                    WHERE answer_id = ? AND due_at = ? AND claimed = {CLAIMED}"""  # noqa: S608
_FREE: Final = "DELETE FROM desk_answer WHERE answer_id = ?"
_SPAN: Final = columns(low="text", beyond="text")
_PLACE: Final = columns(answer_id="text")


def fate_of(claimed: int) -> AnswerFate:
    return _FATES[claimed]


def answers_of(session: Session, beginnings: Collection[str]) -> list[Row]:
    """(answer_id, account, due_at, claimed, sealed body), by answer_id."""
    spans = [(one, one + "\U0010ffff") for one in beginnings]
    found = {row[0]: row for row in session.wanted(_SPAN, _OF, spans)}
    return [found[one] for one in sorted(found)]


def keep(session: Session, answer: Answered, body: bytes, over: Collection[int], beside: Collection[str]) -> bool:
    """Nobody else writes meanwhile. As in features.stores.desk.DeskStore.keep_answer."""
    for claimed in (DROPPED, TAKEN_BACK, TOLD):
        statement = "DELETE FROM desk_answer WHERE claimed = ? AND due_at < ?"
        session.execute(statement, (claimed, answer.due_at - _REMEMBERED))
    places = [(one,) for one in {answer.answer_id, *beside}]
    for claimed, due_at in session.wanted(_PLACE, _BESIDE, places):
        if claimed in {WAITS, CLAIMED} or (claimed == TOLD and due_at not in over):
            return False
    session.execute(_FREE, (answer.answer_id,))
    session.insert(_ROWS, [(answer.answer_id, answer.account, answer.due_at, WAITS, body)])
    return True


def finish(session: Session, answer_id: str, due_at: int, claimed: int, body: bytes) -> None:
    session.execute(FINISH, (claimed, body, answer_id, due_at))
