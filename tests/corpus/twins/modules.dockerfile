# C++ of the newer kind: modules, header units, coroutines, concepts, ranges, formatted output, and errors deep within templates.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" modern.cc
#include <algorithm>
#include <coroutine>
#include <format>
#include <ranges>
#include <span>
template <class T> concept number = requires(T a) { a + a; };
struct task { struct promise_type { int v = 0; task get_return_object() { return { std::coroutine_handle<promise_type>::from_promise(*this) }; } std::suspend_never initial_suspend() { return {}; } std::suspend_always final_suspend() noexcept { return {}; } void return_value(int x) { v = x; } void unhandled_exception() {} }; std::coroutine_handle<promise_type> h; };
task work(int n) { co_return n * 2; }
consteval int squared(int n) { return n * n; }
auto added(number auto... n) { return (n + ...); }
int main() { auto t = work(squared(3)); auto v = std::views::iota(1, 5) | std::views::transform([](int x) { return x * x; }); int s = 0; for (int x : v) s += x; return std::format("{:>5} {:.2f}", s, 0.125).size() + added(t.h.promise().v, 1) - 29; }
END
RUN printf 'export module shapes;\nexport import :round;\nexport int corners() { return 4; }\n' > shapes.cc; printf 'export module shapes:round;\nexport template <class T> T area(T r) { return r * r * 3; }\n' > round.cc; printf 'import shapes;\nimport <cstdio>;\nint main() { std::printf("%%d %%d\\n", corners(), area(2)); }\n' > use.cc; g++ -std=c++20 -fmodules-ts -xc++-system-header cstdio > unit 2>&1; g++ -std=c++20 -fmodules-ts -c round.cc shapes.cc use.cc 2> modules && g++ round.o shapes.o use.o -o use && ./use > said; g++ -std=c++20 -fmodules-ts -E use.cc > use.ii 2>&1; g++ -std=c++20 -fmodules-ts -MD -c shapes.cc 2>> modules; rm -r gcm.cache; true
RUN g++ -std=c++23 -O1 modern.cc -o modern && ./modern; echo $? > code; printf '#include <map>\n#include <string>\nint main() { std::map<std::string, int> m; m[1.5] = "x"; std::sort(m); return m < 3; }\n' > wrong.cc; g++ -std=c++20 -c wrong.cc 2> wrong; g++ -fconcepts-diagnostics-depth=3 -fno-diagnostics-show-caret -std=c++20 -c wrong.cc 2> deep; true
