/**
 * The CUDA driver, typed: {@link kept.cuda.driver.Driver} is the calls the backend makes, one method for each, every status checked. What launches
 * kernels and owns memory stands on it in {@code kept.cuda}; the generated bindings below it are {@code kept.cuda.bindings}.
 *
 * <p>The interface is the seam of the tests: a stand-in that runs PTX in Java takes the driver's place where there is no GPU.
 */
package kept.cuda.driver;
