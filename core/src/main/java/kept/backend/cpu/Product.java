package kept.backend.cpu;

import java.util.function.IntConsumer;

/**
 * A matrix product C[m, n] = (accumulate ? C : 0) + A[m, k] B[k, n].
 *
 * @param m rows of A and C
 * @param n columns of B and C
 * @param k columns of A and rows of B
 * @param a the left operand
 * @param b the right operand
 * @param c the result, f32 with unit column stride
 * @param accumulate whether to add to C
 * @param parallel whether threads of the shared pool divide it
 */
record Product(int m, int n, int k, Matrix a, Matrix b, Matrix c, boolean accumulate, boolean parallel) {
    /**
     * The number of multiply-adds.
     *
     * @return m n k
     */
    long work() {
        return (long) m * n * k;
    }

    /**
     * A part of the sum over k, which is added to C unless it is the first.
     *
     * @param first the first k
     * @param count the number of them
     * @return the product of these columns of A and rows of B
     */
    Product part(int first, int count) {
        return new Product(m, n, count, a.shifted(first * a.columnStride()), b.shifted(first * b.rowStride()), c, accumulate || first > 0, parallel);
    }

    /**
     * Runs tasks, on the threads of the shared pool if they divide the product; else in order.
     *
     * @param tasks the number of tasks
     * @param body the work of a task, by its index
     */
    void forEach(int tasks, IntConsumer body) {
        if (parallel) {
            WorkerPool.shared().run(tasks, body);
        } else {
            for (int task = 0; task < tasks; task++) {
                body.accept(task);
            }
        }
    }
}
