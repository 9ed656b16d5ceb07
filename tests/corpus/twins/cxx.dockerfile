# C++ with templates, exceptions and the standard library.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" main.cc
#include <map>
#include <stdexcept>
#include <string>
namespace { struct hidden { int n = 3; }; }
template <class T> T most(T a, T b) { return a < b ? b : a; }
int main(int argc, char **argv)
{
	std::map<std::string, int> count;
	for (int i = 0; i < argc; i++)
		count[argv[i]] += hidden().n;
	try { return count.at("none"); } catch (const std::out_of_range &) { return most(argc, 0) - 1; }
}
END
RUN g++ -O2 -g main.cc -o main && ./main && g++ -E main.cc > main.ii && g++ -std=c++20 -O3 -g3 -save-temps -c main.cc
