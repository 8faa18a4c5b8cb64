"""The passwords that are tried first everywhere, of those that are long enough to be taken here."""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
00000000 11111111 22222222 88888888 99999999 12121212 11223344 12341234 12344321 12345678 123456789 1234567890
0123456789 0987654321 1029384756 123123123 1231231234 123321123 147258369 147852369 159357456 741852963 789456123
87654321 987654321 9876543210 123456789a 123456789q 123456abc 12345678a 12345qwert 1234qwer 123qweasd 123qweasdzxc
1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 a1b2c3d4 a1234567 a12345678 a123456789 aa123456
aa12345678 aaaaaaaa abc12345 abc123456 abcd1234 abcdefgh abcdefghi access14 adminadmin admin123 admin1234 administrator
alexander alexandra amanda123 andromeda anthony1 apple123 arsenal1 asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl
asdf;lkj babygirl babygirl1 barcelona baseball baseball1 basketball beautiful benjamin blahblah blink182 brooklyn
butterfly butterfly1 caroline carolina changeme changeme1 changeme123 charlie1 charlotte cheyenne chocolate chouchou
christian christina christine christopher cocacola computer computer1 consumer courtney crystal1 danielle
danielle1 december default1 dolphins dragon123 drowssap elephant elizabeth everton1 facebook ferrari1 fireball
football football1 football12 forever1 freedom1 friends1 fuckyou1 fuckyou2 gabriela garfield gateway1 godzilla
goodluck google123 greenday hallo123 happy123 hardcore harley12 hello123 hello1234 helloworld heather1 iloveyou
iloveyou1 iloveyou2 iloveyou! inuyasha internet isabella jackson1 jasmine1 jennifer jessica1 johncena jonathan
jordan23 justin12 kimberly killer12 lastfm12 letmein1 letmein123 leonardo lifehack linkedin liverpool liverpool1
london12 lollipop lovelove loveyou1 lovely12 manchester marlboro marseille martinez master12 maverick maximus1
melissa1 mercedes michael1 michelle michelle1 midnight minecraft monkey12 monkey123 mustang1 myspace1 mypassword
newyork1 nicholas nicole12 november october1 p@ssw0rd p@ssword p@55w0rd pa$$w0rd pa55word pakistan parola123
pass1234 passw0rd passw0rd1 passwort passwort1 password password! password0 password01 password1 password1!
password10 password11 password12 password123 password123! password1234 password2 password2024 password2025
password2026 password3 password99 patricia password. penelope peterpan pokemon1 porsche1 portugal precious princess
princess1 qazwsxedc qazwsxedcrfv q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qwer1234 qwerasdf qwert123 qwert12345 qwerty12
qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertyui qwertyuiop qwertyuiop123 qwertz123 qwertzuiop rainbow1
rangers1 realmadrid rebecca1 richard1 robert12 samantha samsung1 samsung123 scarface scooby12 scorpion secret12
secret123 september serenity shadow12 shannon1 simpsons slipknot snickers snowball soccer12 softball
something spiderman spongebob startrek starwars stephanie summer12 summer2025 summer2026 sunshine sunshine1
superman superman1 superstar sweetheart swordfish system32 test1234 testtest testing1 testing123 thebeatles theworld
thomas12 threadline tinkerbell trustno1 trustno1! twilight undertaker valentina valentine vanessa1 veronica
victoria victoria1 warcraft welcome1 welcome123 welcome1! westside whatever whatever1 william1 winter2025 winter2026
wolverine xxxxxxxx yankees1 yourmom1 zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123 zxcvbnmm zzzzzzzz
"""

GUESSED: Final = frozenset(_WORDS.split())
