"""`vibe demo`: people, activities and stories to look at, made through the public API."""

from helpers.phone import Phone
from helpers.program import run_vibe


def test_a_demo_fills_a_running_system_with_people_activities_and_stories(vibe_factory):
    vibe = vibe_factory()
    done = run_vibe("demo", "--api", vibe.api_url, timeout_s=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("8 people, 10 activities, 7 stories, ")
    visitor = Phone(vibe)
    activities = visitor.get("/api/activities", limit=100)["activities"]
    stories = visitor.get("/api/stories", limit=100)["stories"]
    assert (len(activities), len(stories)) == (10, 7)
    assert all(activity["heroImage"] and activity["owner"]["profilePictureCdnUrl"] for activity in activities)
    assert {activity["owner"]["name"] for activity in activities} >= {"田中 雪", "أمير حسن", "Priya Nair 🌿"}
    for url in (activities[0]["heroImage"]["cdnUrl"], stories[0]["image"]["cdnUrl"], activities[0]["owner"]["profilePictureCdnUrl"]):
        status, headers, picture = vibe.request("GET", url)
        assert (status, headers["Content-Type"], picture[:2]) == (200, "image/jpeg", b"\xff\xd8")


def test_demo_without_an_api_says_to_start_vibe_up():
    done = run_vibe("demo", "--api", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "vibe up" in done.stderr
