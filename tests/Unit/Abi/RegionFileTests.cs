using Forwarder.Abi;

namespace Forwarder.Unit.Tests.Abi;

public sealed class RegionFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"forwarder-region-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void TwoMappingsSeeTheSameBytes()
    {
        using Region a = Region.OpenOrCreate(_path, new RegionLayout(1, 1 << 20));
        using Region b = Region.Open(_path);
        a.Process.Pid = 4711;
        Assert.Equal(4711u, b.Process.Pid);
    }

    [Fact]
    public void AnotherVersionIsRefusedWithBothVersions()
    {
        using (Region region = Region.OpenOrCreate(_path, new RegionLayout(1, 1 << 20)))
        {
            region.Header.Version = 99;
        }

        RegionException e = Assert.Throws<RegionException>(() => Region.Open(_path));
        Assert.Contains("version 99", e.Message, StringComparison.Ordinal);
        Assert.Contains($"version {RegionHeader.CurrentVersion}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherDimensionsAreRefusedWithBoth()
    {
        Region.Create(_path, new RegionLayout(1, 1 << 20));
        RegionException e = Assert.Throws<RegionException>(() => Region.OpenOrCreate(_path, new RegionLayout(2, 1 << 20)));
        Assert.Contains("1 worker block(s)", e.Message, StringComparison.Ordinal);
        Assert.Contains("asks for 2", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(5000)]
    public void AFileThatIsNoRegionIsRefused(int bytes)
    {
        File.WriteAllBytes(_path, new byte[bytes]);
        Assert.Throws<RegionException>(() => Region.Open(_path));
    }

    [Fact]
    public void AMissingFileIsAClearError() => Assert.Contains(_path, Assert.Throws<RegionException>(() => Region.Open(_path)).Message, StringComparison.Ordinal);
}
