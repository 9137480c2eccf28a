package kept.tensor;

/** A program that forgets to close some of its scopes. */
final class Forgetful {
    private static Scope held;

    private Forgetful() {}

    public static void main(String... arguments) {
        try (var _ = Scope.open()) {
            Tensor.zeros(3);
        }
        held = detached();
        forget();
    }

    private static Scope detached() {
        Scope scope = Scope.detached(Device.cpu());
        scope.run(() -> Tensor.zeros(1000));
        scope.release(scope.run(() -> Tensor.zeros(64)));
        return scope;
    }

    private static void forget() {
        Scope.detached(Device.cpu()).run(() -> Tensor.zeros(16));
    }
}
