package kept.backend;

/** Divergences of the student's next-token distribution q from the teacher's p, in nats. */
public enum Divergence {
    /**
     * Forward Kullback-Leibler, {@code sum p (log p - log q)}: the student must give probability to every token that the teacher considers likely.
     */
    FORWARD_KL,
    /**
     * Reverse Kullback-Leibler, {@code sum q (log q - log p)}: the student must not give probability to tokens that the teacher considers unlikely.
     */
    REVERSE_KL,
    /** Jensen-Shannon, {@code (KL(p || m) + KL(q || m)) / 2} with {@code m = (p + q) / 2}. */
    JENSEN_SHANNON
}
