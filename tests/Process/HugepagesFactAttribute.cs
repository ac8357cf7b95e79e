namespace Forwarder.Process.Tests;

/// <summary>
/// A test that needs hugepages of 2 MiB: those that are free, or those that can be reserved for the test. Skipped, with the
/// reason, where the kernel gives none.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class HugepagesFactAttribute : FactAttribute
{
    /// <summary>Pages that a test may use.</summary>
    public const int Pages = 96;

    private const string Folder = "/sys/kernel/mm/hugepages/hugepages-2048kB";

    public HugepagesFactAttribute()
    {
        try
        {
            using Reservation reservation = new();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            Skip = $"No hugepages: {e.Message}";
            Console.Error.WriteLine($"SKIPPED: tests with hugepages. {Skip}");
        }
    }

    /// <summary>Hugepages for a test; the machine's number of them is set back after it.</summary>
    public sealed class Reservation : IDisposable
    {
        private readonly int? _before;

        public Reservation()
        {
            int free = Read("free_hugepages");
            if (free >= Pages)
            {
                return;
            }

            _before = Read("nr_hugepages");
            Write(_before.Value + Pages - free);
            if (Read("free_hugepages") < Pages)
            {
                Dispose();
                throw new InvalidOperationException($"{Pages} pages of 2 MiB cannot be reserved.");
            }
        }

        public void Dispose()
        {
            if (_before != null)
            {
                Write(_before.Value);
            }
        }

        private static int Read(string name) => int.Parse(File.ReadAllText($"{Folder}/{name}"), System.Globalization.CultureInfo.InvariantCulture);

        private static void Write(int pages) => File.WriteAllText($"{Folder}/nr_hugepages", pages.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }
}
