package kept.backend;

/** How far the student's next-token distribution q is from the teacher's p, in nats. */
public enum Divergence {
    /** Forward Kullback-Leibler, {@code sum p (log p - log q)}: the student must cover all the teacher does. */
    FORWARD_KL,
    /** Reverse Kullback-Leibler, {@code sum q (log q - log p)}: the student must avoid what the teacher does not. */
    REVERSE_KL,
    /** Jensen-Shannon, {@code (KL(p || m) + KL(q || m)) / 2} with {@code m = (p + q) / 2}. */
    JENSEN_SHANNON
}
