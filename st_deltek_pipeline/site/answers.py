"""What the site answers with: pages, CSV and redirects, each with every header that keeps it to itself."""

from starlette.responses import RedirectResponse, Response

from st_deltek_pipeline.pages.rendering import content_security_policy, render

OK, SEE_OTHER, BAD_REQUEST, FORBIDDEN, NOT_FOUND, TOO_MANY, BROKEN, UNAVAILABLE = (
    200,
    303,
    400,
    403,
    404,
    429,
    500,
    503,
)

_ONE_YEAR = 31_536_000


def page(content: str, status: int = OK) -> Response:
    """Answer with a page."""
    return Response(content, status, media_type="text/html")


def spreadsheet(content: str, name: str) -> Response:
    """Answer with a file for a spreadsheet.

    Args:
        content: CSV.
        name: Of the file, of plain letters only.
    """
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, OK, headers=headers, media_type="text/csv")


def lead_to(path: str) -> Response:
    """Lead to another page of ours."""
    return RedirectResponse(path, SEE_OTHER)


def words(status: int, title: str, *lines: str) -> Response:
    """Answer with a few sentences."""
    return page(render("words.html", title=title, lines=lines), status)


def kept_to_itself(answer: Response, *, secure: bool) -> Response:
    """Forbid everything that a page does not need.

    Args:
        answer: The answer.
        secure: People come here by https.
    """
    answer.headers.update(
        {
            "content-security-policy": f"{content_security_policy()}; frame-ancestors 'none'",
            "x-frame-options": "DENY",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
    )
    if secure:
        answer.headers["strict-transport-security"] = f"max-age={_ONE_YEAR}"
    return answer
