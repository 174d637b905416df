import java.io.File;
import java.io.FileNotFoundException;
import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;

/**
 * Adds up the lines of one tag of a run's latency.hlog with the Java library, and prints what it holds as JSON, in nanoseconds.
 * With a third argument it prints the percentile distribution in milliseconds instead, which is a block of report.hgrm.
 *
 * java -cp HdrHistogram.jar Read.java RUN TAG [hgrm]
 */
public class Read {
    public static void main(String[] arguments) throws FileNotFoundException {
        Histogram total = new Histogram(1, 3_600_000_000_000L, 3);
        HistogramLogReader log = new HistogramLogReader(new File(arguments[0], "latency.hlog"));
        while (log.hasNext()) {
            EncodableHistogram histogram = log.nextIntervalHistogram();
            if (histogram != null && arguments[1].equals(histogram.getTag())) {
                total.add((Histogram) histogram);
            }
        }
        if (arguments.length > 2) {
            total.outputPercentileDistribution(System.out, 5, 1_000_000.0);
            return;
        }
        System.out.printf(
                "{\"count\": %d, \"p50\": %d, \"p90\": %d, \"p99\": %d, \"p99.9\": %d, \"max\": %d}%n",
                total.getTotalCount(),
                total.getValueAtPercentile(50),
                total.getValueAtPercentile(90),
                total.getValueAtPercentile(99),
                total.getValueAtPercentile(99.9),
                total.getMaxValue());
    }
}
