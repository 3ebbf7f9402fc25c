"""The screen of `ringback top`: queues above, and below one of waiting callers, agents and calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.coordinate import Coordinate
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from gateway.cli.tables import printable
from gateway.cli.top.columns import FIRST_ORDER, TABLES, Column, Order, Row, rows, summary
from gateway.cli.top.feed import Feed, Lost
from gateway.cli.top.mirror import Mirror
from gateway.errors import RingbackError

HELP: Final = """\
1 2 3    waiting callers, agents, calls
tab      to the next table
enter    everything about the line under the cursor
s        sort by the next column; r turns the order around
         (a click on a heading does both)
/        show only lines with some text; escape shows all
f        only what has to do with this queue or agent
space    stop and go on
q        quit

SL is the share of today's calls answered in time, lost are those who
hung up, mean is the mean wait. idle/duty/in: agents who are free, not
on a break, and logged in. A queue is yellow when somebody waits and
nobody is free, and red when nobody is on duty at all."""


class LiveTable(DataTable[Text]):
    """A table that is brought up to date cell by cell, and keeps its cursor on the same line."""

    def __init__(self, section: str) -> None:
        super().__init__(id=section, cursor_type="row", zebra_stripes=True)
        self.section = section
        self.live_columns: Sequence[Column] = TABLES[section]
        self.order = FIRST_ORDER[section]
        self._shown: list[Row] = []

    def on_mount(self) -> None:
        for number, column in enumerate(self.live_columns):
            self.add_column(self._heading(number, column), width=column.width, key=str(number))

    @property
    def row_id(self) -> str | None:
        """Of the line under the cursor."""
        return self._shown[self.cursor_row].id if self.cursor_row < len(self._shown) else None

    def show(self, fresh: list[Row]) -> None:
        """Show these rows, and change nothing else."""
        if [row.id for row in fresh] == [row.id for row in self._shown]:
            for line, (before, after) in enumerate(zip(self._shown, fresh, strict=True)):
                for number, cell in enumerate(after.cells):
                    if cell != before.cells[number]:
                        self.update_cell_at(
                            Coordinate(line, number), self._cell(number, cell), update_width=True
                        )
        else:
            self._replace(fresh)
        self._shown = fresh

    def order_by(self, order: Order) -> None:
        self.order = order
        for number, column in enumerate(self.live_columns):
            self.ordered_columns[number].label = self._heading(number, column)
        self.refresh()

    def _replace(self, fresh: list[Row]) -> None:
        under_cursor, scroll_y = self.row_id, self.scroll_y
        self.clear()
        for row in fresh:
            self.add_row(*(self._cell(number, cell) for number, cell in enumerate(row.cells)), key=row.id)
        line = next((line for line, row in enumerate(fresh) if row.id == under_cursor), None)
        if line is not None:
            self.move_cursor(row=line, animate=False, scroll=False)
            self.scroll_to(y=scroll_y, animate=False)

    def _cell(self, number: int, cell: tuple[str, str]) -> Text:
        text, style = cell
        column = self.live_columns[number]
        return Text(
            text, style, justify="right" if column.right else "left", overflow="ellipsis", no_wrap=True
        )

    def _heading(self, number: int, column: Column) -> Text:
        sorted_by = number == self.order.column
        mark = ("▼" if self.order.downwards else "▲") if sorted_by else ""
        title = column.title
        if sorted_by and column.width is not None:
            title = title[: max(column.width - 1, 1)]
        return Text(title + mark, justify="right" if column.right else "left", no_wrap=True)


class Details(ModalScreen[None]):
    """Everything about one item, or the help."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark", "dismiss", "close", show=False)
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="details") as box:
            box.border_title = Text(self._title)
            box.border_subtitle = "escape closes"
            yield Static(Text(self._text))


class TopScreen(App[None]):
    """`feed`: what the node says. `fault`: why it ended, when trying again would change nothing."""

    TITLE = "ringback top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #status, #summary { height: 1; padding: 0 1; }
    #status { background: $primary; color: $text; }
    #status.lost { background: $error; }
    #queues { height: auto; max-height: 35%; min-height: 3; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    DataTable { height: 1fr; scrollbar-size: 0 1; }
    #filter { display: none; height: 1; border: none; padding: 0 1; }
    #filter.open { display: block; }
    Details { align: center middle; }
    #details {
        width: 76; max-width: 95%; height: auto; max-height: 90%;
        border: round $primary; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("1", "show_tab('entries')", "waiting"),
        Binding("2", "show_tab('agents')", "agents"),
        Binding("3", "show_tab('calls')", "calls"),
        Binding("s", "sort", "sort"),
        Binding("r", "turn", "reverse", show=False),
        Binding("slash", "search", "filter", key_display="/"),
        Binding("f", "only_this", "only this"),
        Binding("space", "pause", "stop", show=False),
        Binding("escape", "clear", "all", show=False),
    ]

    def __init__(self, feed: Feed, node: str, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self.fault: RingbackError | None = None
        self._feed = feed
        self._node = node
        self._mirror = Mirror()
        self._said = "connecting"
        self._wanted = ""
        self._paused = False

    def compose(self) -> ComposeResult:
        yield Static(id="status")
        yield Static(id="summary")
        yield LiveTable("queues")
        with TabbedContent(initial="tab-entries"):
            for section, title in (("entries", "Waiting"), ("agents", "Agents"), ("calls", "Calls")):
                with TabPane(title, id=f"tab-{section}"):
                    yield LiveTable(section)
        yield Input(placeholder="only lines with …", id="filter", compact=True)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one("#queues").focus()
        self._redraw()
        self.set_interval(1.0, self._redraw)
        self._follow()

    # ---- what the node says

    @work(exclusive=True)
    async def _follow(self) -> None:
        try:
            async with aclosing(self._feed) as messages:
                async for message in messages:
                    self._take(message)
        except RingbackError as fault:
            self.fault = fault
            self.exit(return_code=1)

    def _take(self, message: dict[str, Any] | Lost) -> None:
        if isinstance(message, Lost):
            self._said = f"{message.reason}; trying again in {message.retry_in_s:g} s"
        else:
            self._said = ""
            self._mirror.take(message, self._now())
        self._redraw()

    def _redraw(self) -> None:
        if not self.is_running or not self.query("#status"):  # the clock strikes while all is taken down
            return
        now = self._mirror.node_time(self._now())
        status = self.query_one("#status", Static)
        status.set_class(bool(self._said), "lost")
        said = printable(self._said) or (f"{now:%H:%M:%S} UTC" + (", stopped" if self._paused else ""))
        shown = f"   only '{self._wanted}'" if self._wanted else ""
        status.update(Text(f"ringback top   {self._node}   {said}{shown}", no_wrap=True, overflow="ellipsis"))
        if self._paused:
            return
        sections = self._mirror.sections
        self.query_one("#summary", Static).update(Text(summary(sections, now), no_wrap=True))
        for table in self.query(LiveTable):
            items = sections[table.section]
            table.show(rows(table.live_columns, items, now, table.order, self._wanted))

    # ---- keys

    def _table(self) -> LiveTable:
        """The one that has the focus, else the one below."""
        if isinstance(self.focused, LiveTable):
            return self.focused
        active = self.query_one(TabbedContent).active.removeprefix("tab-")
        return self.query_one(f"#{active}", LiveTable)

    def action_show_tab(self, section: str) -> None:
        self.query_one(TabbedContent).active = f"tab-{section}"
        self.call_after_refresh(self.query_one(f"#{section}", LiveTable).focus)

    def action_sort(self) -> None:
        table = self._table()
        self._order(table, (table.order.column + 1) % len(table.live_columns))

    def action_turn(self) -> None:
        table = self._table()
        self._order(table, table.order.column)

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        if isinstance(event.data_table, LiveTable):
            self._order(event.data_table, event.column_index)

    def _order(self, table: LiveTable, column: int) -> None:
        downwards = table.order.column == column and not table.order.downwards
        table.order_by(Order(column, downwards))
        self._redraw()

    def action_search(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("open")
        field.value = self._wanted
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._wanted = event.value
        self._redraw()

    def on_input_submitted(self) -> None:
        self._close_filter()

    def action_only_this(self) -> None:
        if (name := self._table().row_id) is not None:
            self._wanted = self._name_of(self._table().section, name)
            self._redraw()

    def _name_of(self, section: str, name: str) -> str:
        item = self._mirror.sections[section].get(name, {})
        return str(item.get("queue") or name) if section in ("entries", "calls") else name

    def action_clear(self) -> None:
        self._wanted = ""
        self._close_filter()
        self._redraw()

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        if field.has_class("open"):
            field.remove_class("open")
            self._table().focus()

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._redraw()

    def action_help(self) -> None:
        self.push_screen(Details("keys", HELP))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        table = event.data_table
        if isinstance(table, LiveTable) and (name := table.row_id) is not None:
            item = self._mirror.sections[table.section].get(name)
            if item is not None:
                self.push_screen(Details(printable(name), "\n".join(_lines(item))))


def _lines(item: dict[str, Any], indent: str = "") -> Iterable[str]:
    """Field by field; nested ones below their own name."""
    for name, value in item.items():
        parts = value if isinstance(value, list) else [value]
        nested = [part for part in parts if isinstance(part, dict) and part]
        if nested:
            for part in nested:
                yield f"{indent}{printable(name)}"
                yield from _lines(part, indent + "  ")
        else:
            words = ", ".join(printable(str(part)) for part in parts if part is not None)
            yield f"{indent}{printable(name):<16} {words or '-'}"
