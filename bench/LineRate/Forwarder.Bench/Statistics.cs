namespace Forwarder.Bench;

/// <summary>Median, smallest and largest of some values.</summary>
public readonly record struct Statistics(double Middle, double Min, double Max, int Count)
{
    /// <summary>Of these values.</summary>
    public static Statistics Of(IReadOnlyList<double> values) =>
        values.Count == 0 ? new(double.NaN, double.NaN, double.NaN, 0) : new(Median(values), values.Min(), values.Max(), values.Count);

    /// <summary>The median; the mean of the middle two of an even number.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
