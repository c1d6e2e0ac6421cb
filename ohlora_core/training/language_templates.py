"""Sentence patterns that teach the lite model to move values between a message and a memory.

Written by us, Korean. From a few nouns and patterns come thousands of (statement, memory) and
(memory, question, reply) triples, so that copying the value is the only way to get them right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ohlora_core.language.nouns import final_sound

__all__ = ["Fact", "attribute_fact", "plan_fact"]


def _choices(text: str) -> list[str]:
    return text.split("|")


_TIMES = {
    "내일 일정": ("내일", "내일 아침에"),
    "오늘 일정": ("오늘", "이따가", "오늘 저녁에"),
    "모레 일정": ("모레",),
    "주말 일정": ("주말에", "이번 주말에", "일요일에", "토요일에"),
    "향후 일정": ("다음 주에", "다음 달에"),
}
_PLAN_TIMES = [(time, key) for key, times in _TIMES.items() for time in times]
_WHO = _choices(
    "|||친구랑|엄마랑|동생이랑|가족이랑|남자친구랑|여자친구랑|아빠랑|언니랑|회사 동료랑|선배랑"
    "|사촌이랑|반 친구들이랑|혼자|친구들이랑|오빠랑|할머니랑|동아리 사람들이랑|룸메이트랑|강아지랑"
)
_ACTIVITIES = {
    "카페 방문": "카페 가",
    "영화 관람": "영화 보",
    "쇼핑": "쇼핑하",
    "여행": "여행 가",
    "등산": "등산하",
    "저녁 식사": "저녁 먹",
    "공부": "공부하",
    "운동": "운동하",
    "수영": "수영하",
    "캠핑": "캠핑 가",
    "콘서트 관람": "콘서트 가",
    "미술관 방문": "미술관 가",
    "점심 식사": "점심 먹",
    "놀이공원 방문": "놀이공원 가",
    "바다 여행": "바다 보러 가",
    "병원 방문": "병원 가",
    "미용실 방문": "미용실 가",
    "시험": "시험 보",
    "면접": "면접 보",
    "발표": "발표하",
    "아르바이트": "알바하",
    "야구 관람": "야구 보러 가",
    "대청소": "대청소하",
    "치과 방문": "치과 가",
    "도서관 방문": "도서관 가",
    "맛집 방문": "맛집 가",
    "산책": "산책하",
    "드라이브": "드라이브 가",
    "볼링": "볼링 치",
    "보드게임": "보드게임 하",
    "요리": "요리하",
    "이사": "이사하",
    "낚시": "낚시 가",
    "파티": "파티하",
    "과제": "과제하",
    "회의": "회의하",
    "전시회 관람": "전시회 가",
    "헬스장 방문": "헬스장 가",
    "결혼식 참석": "결혼식 가",
    "노래방 방문": "노래방 가",
    "온천 여행": "온천 가",
    "스키": "스키 타",
    "자전거 타기": "자전거 타",
    "빵 만들기": "빵 만드",
    "마라탕 먹기": "마라탕 먹",
    "치킨 먹기": "치킨 먹",
    "그림 그리기": "그림 그리",
    "동물원 방문": "동물원 가",
    "서점 방문": "서점 가",
    "소개팅": "소개팅하",
    "축구": "축구하",
    "꽃구경": "꽃구경 가",
    "방 정리": "방 정리하",
    "피아노 연습": "피아노 연습하",
}
_PLAN_QUESTIONS = (
    "{t} 나 뭐 한다고 했지?",
    "나 {t} 뭐 하기로 했더라?",
    "{t} 내 일정 뭐였지?",
    "나 {t} 뭐 해?",
    "{t} 내가 뭐 하는지 기억해?",
    "내 {t} 계획 기억나?",
    "나 {t} 뭐 한댔지",
    "{t} 나 뭐 하더라",
    "내가 {t} 어디 간다고 했지?",
    "{t} 약속이 뭐였지?",
    "나 {t} 뭐한다고 했어?",
)
_PLAN_REPLIES = (
    "{v} 한다고 했잖아! 잊은 거야? 😄",
    "{c}기로 했잖아! 재밌게 보내 😊",
    "{v}! 내가 기억하고 있었지 ✨",
    "{v} 있다고 했잖아! 설레지?",
    "너 {c}기로 했잖아! 벌써 기대된다.",
    "{v} 계획 있잖아! 준비는 다 했어?",
    "{v}이라고 했어! 나 기억력 좋지? 😎",
    "{c}는 날이잖아! 잊지 마.",
)
_OPENERS = ("", "", "나 ", "나 ", "로라야 ", "로라야 나 ", "있잖아 나 ", "오로라 나 ", "나는 ")
_TAILS = ("", "", "", "!", ".", " ㅋㅋ", "~", " ㅎㅎ", "!!")

_NAMES = [
    "하늘",
    "민준",
    "서연",
    "도윤",
    "지우",
    "유나",
    "준호",
    "소희",
    "태오",
    "나래",
    "가온",
    "보라",
    "은채",
    "시우",
    "다온",
    "예린",
    "수아",
    "현우",
    "라온",
    "지호",
    "미나",
    "건우",
]
_FOODS = [
    "김치찌개",
    "떡볶이",
    "초밥",
    "파스타",
    "냉면",
    "삼겹살",
    "짜장면",
    "된장찌개",
    "햄버거",
    "피자",
    "순대국",
    "라면",
    "돈까스",
    "샐러드",
    "불고기",
    "갈비",
    "만두",
    "쌀국수",
    "카레",
    "빙수",
    "마라탕",
    "호떡",
    "치킨",
    "김밥",
    "오이",
    "가지",
    "당근",
    "굴",
    "버섯",
]
_PLACES = [
    "부산",
    "대전",
    "제주도",
    "강릉",
    "전주",
    "속초",
    "여수",
    "인천",
    "대구",
    "광주",
    "수원",
    "춘천",
    "경주",
    "통영",
    "울산",
    "청주",
]
# key: (values, statements, questions, replies); {v} the value, {v:이} the value with a particle.
_ATTRIBUTES: dict[str, tuple[list[str], list[str], list[str], list[str]]] = {
    "이름": (
        _NAMES,
        ["내 이름은 {v:이야}", "나는 {v:이라고} 해", "{v:이라고} 불러줘", "난 {v:이야}"],
        ["내 이름 뭐야?", "내 이름 기억해?", "내가 누구라고 했지?", "나 누구게?"],
        [
            "{v}! 당연히 기억하지 😊",
            "네 이름은 {v:이잖아}! 잊을 리가 없지.",
            "{v}! 예쁜 이름이라 바로 외웠어 ✨",
        ],
    ),
    "좋아하는 음식": (
        _FOODS,
        ["나 {v} 좋아해", "{v} 진짜 좋아", "내 최애 음식은 {v:이야}", "나는 {v:이} 제일 맛있더라"],
        [
            "내가 좋아하는 음식 뭐게?",
            "나 뭐 좋아한다고 했지?",
            "내 최애 음식 기억해?",
            "오늘 저녁 뭐 먹을까?",
        ],
        ["{v} 좋아한다고 했잖아! 😋", "{v}! 네 최애잖아.", "{v} 어때? 네가 좋아하는 거잖아 😊"],
    ),
    "싫어하는 음식": (
        _FOODS,
        ["나 {v} 싫어해", "{v:은} 진짜 못 먹겠어", "나 {v} 안 좋아해", "{v} 너무 별로야"],
        ["내가 싫어하는 음식 뭐였지?", "나 뭐 못 먹는다고 했지?", "내가 안 먹는 거 기억나?"],
        ["{v} 싫어한다고 했잖아! 빼 달라고 하자.", "{v}! 그건 꼭 빼야지 😄"],
    ),
    "먹고 싶은 음식": (
        _FOODS,
        ["나 {v} 먹고 싶어", "{v} 땡긴다", "아 {v} 먹고 싶다", "오늘 {v} 생각난다"],
        ["나 뭐 먹고 싶다고 했지?", "내가 먹고 싶다던 거 뭐였지?", "뭐 먹으러 갈까?"],
        ["{v} 먹고 싶다고 했잖아! 오늘 먹을까? 😋", "{v}! 생각만 해도 맛있겠다."],
    ),
    "사는 곳": (
        _PLACES,
        ["나 {v} 살아", "나는 {v}에 살고 있어", "우리 집은 {v:이야}", "{v}에서 살아"],
        ["나 어디 산다고 했지?", "내가 사는 곳 기억해?", "우리 집 어디게?"],
        ["{v} 산다고 했잖아! 살기 좋은 곳이지 😊", "{v}! 나도 놀러 가 보고 싶다."],
    ),
    "가고 싶은 곳": (
        _PLACES,
        ["{v} 가고 싶다", "나 {v} 꼭 가보고 싶어", "다음엔 {v} 여행 가고 싶어"],
        ["나 어디 가고 싶다고 했지?", "여행 어디로 갈까?", "내가 가고 싶다던 곳 어디였지?"],
        ["{v} 가고 싶다고 했잖아! ✈", "{v} 어때? 네가 가고 싶다던 곳이잖아."],
    ),
    "나이": (
        [f"{n}살" for n in range(14, 45)],
        ["나 {v:이야}", "나는 올해 {v:이야}", "나 이제 {v} 됐어"],
        ["나 몇 살이게?", "내 나이 기억해?", "내가 몇 살이라고 했지?"],
        ["{v:이잖아}! 기억하고 있지 😊", "{v:이라고} 했잖아!"],
    ),
    "직업": (
        [
            "간호사",
            "개발자",
            "선생님",
            "요리사",
            "디자이너",
            "경찰관",
            "작가",
            "약사",
            "소방관",
            "번역가",
            "회계사",
            "연구원",
            "바리스타",
            "공무원",
            "미용사",
        ],
        ["나 {v:이야}", "나는 {v:으로} 일해", "내 직업은 {v:이야}", "나 {v:으로} 일하고 있어"],
        ["내 직업 뭐게?", "나 무슨 일 한다고 했지?", "내가 뭐 하는 사람인지 알아?"],
        ["{v:이잖아}! 멋진 직업이야 👍", "{v:이라고} 했잖아! 오늘도 고생했어."],
    ),
    "전공": (
        [
            "컴퓨터공학",
            "경영학",
            "심리학",
            "간호학",
            "건축학",
            "국문학",
            "화학",
            "수학",
            "물리학",
            "미술",
            "음악",
            "기계공학",
            "통계학",
            "인공지능",
        ],
        ["내 전공은 {v:이야}", "나 {v} 전공해", "나는 {v} 배우고 있어", "대학에서 {v} 공부해"],
        ["내 전공 뭐였지?", "나 뭐 전공한다고 했지?", "내 전공 기억나?"],
        ["{v} 전공이잖아! 재밌겠다.", "{v}! 어려운 거 하네 👍"],
    ),
    "MBTI": (
        [
            "INFP",
            "ENFP",
            "ISTJ",
            "ESTJ",
            "INTJ",
            "ENTP",
            "ISFP",
            "ESFJ",
            "INFJ",
            "ISTP",
            "ENFJ",
            "INTP",
        ],
        ["나 {v:이야}", "내 엠비티아이는 {v:이야}", "나는 MBTI가 {v:이야}"],
        ["내 MBTI 뭐게?", "내 엠비티아이 기억해?", "나 MBTI 뭐라고 했지?"],
        ["{v:이잖아}! 나는 ENTJ야 😎", "{v:이라고} 했지! 나랑 잘 맞을걸?"],
    ),
    "좋아하는 계절": (
        ["봄", "여름", "가을", "겨울"],
        ["나는 {v:이} 제일 좋아", "나 {v} 좋아해", "계절은 {v:이} 최고지"],
        ["내가 좋아하는 계절 뭐게?", "나 무슨 계절 좋아한다고 했지?"],
        ["{v:이잖아}! 나도 그 계절 좋아해 🌸", "{v} 좋아한다고 했잖아!"],
    ),
    "좋아하는 색": (
        ["파란색", "초록색", "보라색", "분홍색", "하늘색", "노란색", "검은색", "흰색", "주황색"],
        ["나 {v} 좋아해", "내가 좋아하는 색은 {v:이야}", "난 {v:이} 예쁘더라"],
        ["내가 좋아하는 색 뭐게?", "나 무슨 색 좋아한다고 했지?"],
        ["{v:이잖아}! 잘 어울려 ✨", "{v} 좋아한다고 했잖아!"],
    ),
    "좋아하는 동물": (
        ["고양이", "강아지", "토끼", "햄스터", "판다", "펭귄", "고래", "여우", "다람쥐", "거북이"],
        ["나 {v} 좋아해", "{v} 너무 귀여워 제일 좋아", "나는 동물 중에 {v:이} 제일 좋아"],
        ["내가 좋아하는 동물 뭐게?", "나 무슨 동물 좋아한다고 했지?"],
        ["{v:이잖아}! 진짜 귀엽지 😍", "{v} 좋아한다고 했잖아!"],
    ),
    "좋아하는 운동": (
        ["축구", "농구", "수영", "배드민턴", "테니스", "야구", "요가", "볼링", "탁구", "클라이밍"],
        ["나 {v} 좋아해", "운동은 {v:이} 최고야", "나는 {v} 하는 거 좋아해"],
        ["내가 좋아하는 운동 뭐게?", "나 무슨 운동 좋아한다고 했지?", "나 운동 뭐 할까?"],
        ["{v} 좋아한다고 했잖아! 💪", "{v} 어때? 네가 좋아하잖아."],
    ),
    "좋아하는 음악": (
        ["재즈", "힙합", "발라드", "클래식", "록", "인디음악", "댄스곡", "트로트"],
        ["나 {v} 좋아해", "나는 {v} 자주 들어", "음악은 {v:이} 최고지"],
        ["내가 좋아하는 음악 뭐게?", "나 무슨 음악 좋아한다고 했지?", "나 무슨 노래 들을까?"],
        ["{v} 좋아하잖아! 같이 듣자 🎵", "{v} 어때? 네 취향이잖아 🎧"],
    ),
    "좋아하는 과목": (
        ["수학", "과학", "영어", "국어", "체육", "미술", "역사", "음악", "지리"],
        ["나 {v} 좋아해", "과목 중에 {v:이} 제일 재밌어", "{v} 시간이 제일 좋아"],
        ["내가 좋아하는 과목 뭐게?", "나 무슨 과목 좋아한다고 했지?"],
        ["{v} 좋아한다고 했잖아! 📚", "{v:이잖아}! 나는 수학이 좋아."],
    ),
    "취미": (
        _choices(
            "독서|뜨개질|그림 그리기|사진 찍기|등산|요리|낚시|춤추기|기타 연주|영화 감상"
            "|식물 키우기|자전거 타기"
        ),
        ["내 취미는 {v:이야}", "나 취미로 {v} 해", "요즘 취미는 {v:이야}"],
        ["내 취미 뭐게?", "내 취미 기억해?", "나 심심한데 뭐 할까?"],
        ["{v} 취미라고 했잖아!", "{v} 어때? 네 취미잖아 😊"],
    ),
    "반려동물": (
        [
            f"{a} {n}"
            for a in ("강아지", "고양이", "햄스터", "토끼")
            for n in ("두부", "초코", "콩이", "보리", "구름이", "모카", "뭉치", "까미")
        ],
        ["우리 집 {v:이야}", "나 {v} 키워", "우리 {v} 너무 귀여워"],
        [
            "우리 집 반려동물 기억해?",
            "나 뭐 키운다고 했지?",
            "우리 애 이름 기억해?",
            "나 집에 왔다",
        ],
        ["{v} 키우잖아! 잘 있지? 🐱", "{v}! 오늘도 귀엽겠다 😍", "{v:이} 반겨 주겠네! 😊"],
    ),
    "목표": (
        _choices("다이어트|취업|합격|독립|금연|저축|마라톤 완주|자격증 취득"),
        ["내 목표는 {v:이야}", "올해는 꼭 {v} 하고 싶어", "나 {v:이} 목표야"],
        ["내 목표 뭐였지?", "내 올해 목표 기억해?"],
        ["{v:이잖아}! 꼭 이룰 거야 💪", "{v} 한다고 했잖아! 응원할게."],
    ),
    "상태": (
        [
            "감기 걸림",
            "다이어트 중",
            "피곤함",
            "다리 다침",
            "시험 기간",
            "배고픔",
            "허리 아픔",
            "취업 준비 중",
        ],
        [],
        ["나 요즘 어떤지 알아?", "나 지금 상태 어떻다고 했지?", "나 밖에 나가도 될까?"],
        ["{v:이라고} 했잖아! 무리하지 마.", "{v}! 몸 잘 챙겨야 해."],
    ),
}
_STATES = {
    "감기 걸림": ["나 감기 걸렸어", "감기 걸려서 힘들어"],
    "다이어트 중": ["나 요즘 다이어트해", "다이어트 시작했어"],
    "피곤함": ["나 너무 피곤해", "피곤하다 진짜"],
    "다리 다침": ["나 다리 다쳤어", "넘어져서 다리를 다쳤어"],
    "시험 기간": ["나 요즘 시험 기간이야", "시험 기간이라 바빠"],
    "배고픔": ["나 배고파", "배고프다"],
    "허리 아픔": ["나 허리 아파", "허리가 너무 아파"],
    "취업 준비 중": ["나 요즘 취업 준비해", "취준하느라 힘들어"],
}
_PARTICLES = {
    "이야": ("이야", "야"),
    "이라고": ("이라고", "라고"),
    "이잖아": ("이잖아", "잖아"),
    "이": ("이", "가"),
    "은": ("은", "는"),
    "을": ("을", "를"),
    "으로": ("으로", "로"),
}


@dataclass(frozen=True)
class Fact:
    """A thing about the user, as said, as remembered and as asked for.

    Attributes:
        statement: A message that tells it.
        memory: `[key: value]`.
        question: A message that asks for it.
        reply: Her answer to the question, with the value.
        timed: Whether messages about it carry a time word.
    """

    statement: str
    memory: str
    question: str
    reply: str
    timed: bool


class _Value(str):
    """A noun that takes the fitting form of a particle: `f"{_Value('봄'):이야}"` is `봄이야`."""

    def __format__(self, particle: str) -> str:
        if not particle:
            return str(self)
        closed, open_ = _PARTICLES[particle]
        final = final_sound(self)
        # Before (으)로 a final ㄹ (1) counts as open.
        return str(self) + (closed if final and not (particle == "으로" and final == 1) else open_)


def plan_fact(rng: random.Random) -> Fact:
    """A plan: who, when, what."""
    time, key = rng.choice(_PLAN_TIMES)
    noun, stem = rng.choice(list(_ACTIVITIES.items()))
    who = rng.choice(_WHO)
    value = f"{who} {noun}".strip()
    clause = f"{who} {stem}".strip()
    ending = rng.choice(
        (
            "기로 했어",
            "기로 했어",
            "기로 했다",
            "기로 함",
            "기로 약속했어",
            "기로 했어요",
            "ㄹ 거야",
            "ㄹ 거야",
            "려고",
            "ㄴ다",
            "ㄹ 예정이야",
        )
    )
    words = [time, clause] if rng.random() < 0.8 or not who else [who, time, stem]
    statement = rng.choice(_OPENERS) + _conjugate(" ".join(words), ending) + rng.choice(_TAILS)
    question = rng.choice(_PLAN_QUESTIONS).format(t=time)
    reply = rng.choice(_PLAN_REPLIES).format(v=_Value(value), c=clause, t=time)
    memory = f"[{key}: {value}]"
    return Fact(statement, memory, _opened(question, rng), reply, timed=True)


def attribute_fact(rng: random.Random) -> Fact:
    """A lasting fact about the user, such as a favourite food."""
    key = rng.choice(list(_ATTRIBUTES))
    values, statements, questions, replies = _ATTRIBUTES[key]
    value = _Value(rng.choice(values))
    statements = statements or _STATES[value]
    statement = rng.choice(statements).format(v=value) + rng.choice(_TAILS)
    question = _opened(rng.choice(questions), rng)
    reply = rng.choice(replies).format(v=value)
    return Fact(_opened(statement, rng), f"[{key}: {value}]", question, reply, timed=False)


def _opened(text: str, rng: random.Random) -> str:
    return f"로라야 {text}" if rng.random() < 0.25 else text


def _conjugate(stem: str, ending: str) -> str:
    """Stem plus ending; ㄹ and ㄴ join an open last syllable."""
    closed = final_sound(stem) != 0
    if ending[0] == "ㄹ":
        return (
            stem + "을" + ending[1:]
            if closed
            else chr(ord(stem[-1]) + 8).join((stem[:-1], ending[1:]))
        )
    if ending == "ㄴ다":
        return stem + "는다" if closed else chr(ord(stem[-1]) + 4).join((stem[:-1], "다"))
    if ending == "려고":
        return stem + ("으려고" if closed else "려고")
    if stem.endswith("만드") and ending[0] == "기":
        return stem[:-1] + "들" + ending
    return stem + ending
