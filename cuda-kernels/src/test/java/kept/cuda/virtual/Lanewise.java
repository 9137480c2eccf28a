package kept.cuda.virtual;

/** An instruction that computes each lane by itself. Its operands are slots: d of the result, a, b, c and e of what it is computed from. */
abstract class Lanewise extends Instruction {
    int d;
    int a;
    int b;
    int c;
    int e;
}
