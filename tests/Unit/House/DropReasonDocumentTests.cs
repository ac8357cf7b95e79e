using Forwarder.Abi;

namespace Forwarder.Unit.Tests.House;

public sealed class DropReasonDocumentTests
{
    [Fact]
    public void EachReasonHasItsLineInTheirOrder()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Forwarder.sln")))
        {
            folder = folder.Parent!;
        }

        IEnumerable<string> names = File.ReadLines(Path.Combine(folder.FullName, "docs/drop-reasons.md")).Where(l => l.StartsWith("| ", StringComparison.Ordinal)).Skip(1).Select(l => l.Split(' ')[1]);
        Assert.Equal(Enum.GetNames<DropReason>().Skip(1), names);
    }
}
