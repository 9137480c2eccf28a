/**
 * A typed interface to the CUDA driver API: {@link kept.cuda.driver.Driver} has one method for each call that the backend makes and checks every
 * status. It is implemented on the generated bindings of {@code kept.cuda.bindings}; launches and memory management on top of it are in
 * {@code kept.cuda}.
 *
 * <p>Tests without a GPU implement the interface by a virtual GPU that interprets PTX in Java. A driver that executes kernels itself may also count
 * their work ({@link kept.cuda.driver.LaunchCounter}, {@link kept.cuda.driver.LaunchCounts}), for benchmarks.
 */
package kept.cuda.driver;
