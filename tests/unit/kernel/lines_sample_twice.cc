// A second function of the name sample_twice, larger than that of lines_sample.cc.
static int sample_twice(int number) asm("sample_twice");
[[gnu::noinline, gnu::used]] static int sample_twice(int number) {
    for (int i = 0; i < number; i++) asm volatile("" ::: "memory");
    return number * 12345 + 3;
}
