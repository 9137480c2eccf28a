package kept.cuda.virtual;

/** An instruction that computes each lane independently. Its operands are slots: d for the result, a, b, c and e for the operands. */
abstract class Lanewise extends Instruction {
    int d;
    int a;
    int b;
    int c;
    int e;
}
