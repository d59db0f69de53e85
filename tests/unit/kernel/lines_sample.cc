// A program that source_lines_test.cc reads like a vmlinux: its lines are known, and it names its kernel.
extern "C" {
extern const char linux_banner[];
[[gnu::used]] const char linux_banner[] = "Linux version 6.1.0-sample (builder@host) #1 SMP";
[[gnu::noinline]] int sample_inner(int number);
[[gnu::noinline]] int sample_outer(int number);

int sample_inner(int number) {
    asm volatile("" ::: "memory");
    return number + 1;
}

int sample_outer(int number) {
    return sample_inner(number) +  // line 14
           2;
}
}

// lines_sample_twice.cc has another function of this name.
static int sample_twice(int number) asm("sample_twice");
[[gnu::noinline, gnu::used]] static int sample_twice(int number) { return number + 3; }

int main(int count, char**) { return sample_outer(count) + sample_twice(count) > 0 ? 0 : 1; }
