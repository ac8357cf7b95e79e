using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>The file of the desired state is the old one or the new one, whatever happens.</summary>
public sealed class StateStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fwd-store-").FullName;
    private readonly StateStore _store;

    public StateStoreTests() => _store = StoreIn(_folder);

    private string StatePath => Path.Combine(_folder, "state.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WhatIsStoredIsLoadedByTheNextControl()
    {
        Save(States.WithServices(2, 3));
        DesiredState loaded = StoreIn(_folder).Load(seedPath: null)!;
        Assert.Equal([2, 3], loaded.Services.Select(s => s.Servers.Count));
        Assert.Equal([StatePath], Directory.GetFileSystemEntries(_folder));   // nothing temporary is left
    }

    [Fact]
    public void UntilItIsCommittedTheOldStateStays()
    {
        Save(States.WithServices(1));
        _store.Prepare(States.WithServices(1, 1));
        Assert.Single(StoreIn(_folder).Load(seedPath: null)!.Services);
        _store.Discard();
        Assert.Equal([StatePath], Directory.GetFileSystemEntries(_folder));
        Save(States.WithServices(1, 1, 1));
        Assert.Equal(3, StoreIn(_folder).Load(seedPath: null)!.Services.Count);
    }

    /// <summary>Control died while it wrote: half a file beside the good one.</summary>
    [Fact]
    public void HalfAFileOfADeadControlDoesNotCount()
    {
        Save(States.WithServices(1));
        File.WriteAllText(StatePath + ".tmp", "{\"services\":[{");
        Assert.Single(StoreIn(_folder).Load(seedPath: null)!.Services);
        Save(States.WithServices(1, 1));
        Assert.Equal(2, _store.Load(seedPath: null)!.Services.Count);
    }

    [Fact]
    public void OnlyItsOwnerReadsIt()
    {
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Save(States.WithServices(1));   // passwords may be in it
        Assert.Equal(owner, File.GetUnixFileMode(StatePath));
    }

    [Fact]
    public void ASeedThatIsNotThereIsAnErrorUnlessAStateIsStored()
    {
        string seed = Path.Combine(_folder, "no.json");
        Assert.Contains(seed, Assert.Throws<InvalidDataException>(() => _store.Load(seed)).Message, StringComparison.Ordinal);
        Save(States.WithServices(1));
        Assert.Single(_store.Load(seed)!.Services);
    }

    [Fact]
    public void AWriteThatFailsKeepsTheOldState()
    {
        Save(States.WithServices(1));
        string before = File.ReadAllText(StatePath);
        Directory.CreateDirectory(StatePath + ".tmp");
        Assert.Throws<UnauthorizedAccessException>(() => _store.Prepare(States.WithServices(1, 1)));
        Assert.Equal(before, File.ReadAllText(StatePath));
    }

    [Fact]
    public void AFullDiskKeepsTheOldState()
    {
        Save(States.WithServices(1));
        string before = File.ReadAllText(StatePath);
        File.CreateSymbolicLink(StatePath + ".tmp", "/dev/full");
        Assert.Throws<IOException>(() => _store.Prepare(States.WithServices(1, 1)));
        _store.Discard();
        Assert.Equal(before, File.ReadAllText(StatePath));
        Assert.Equal([StatePath], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void TheSeedCountsOnlyWhereNothingIsStored()
    {
        string seed = Path.Combine(_folder, "seed.json");
        File.WriteAllText(seed, """{"dataplane":{"ports":[{"name":"seed","device":"net_null0"}]}}""");
        Assert.Equal("seed", _store.Load(seed)!.Dataplane.Ports[0].Name);
        Save(States.WithServices());
        Assert.Equal("lan0", _store.Load(seed)!.Dataplane.Ports[0].Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("""{"servces":[]}""")]
    public void AFileThatIsNoConfigurationIsNamed(string text)
    {
        File.WriteAllText(StatePath, text);
        Assert.Contains(StatePath, Assert.Throws<InvalidDataException>(() => _store.Load(seedPath: null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderIsFlushedAndOneThatIsMissingIsNamed()
    {
        FolderSync.Flush(_folder);
        string missing = Path.Combine(_folder, "missing");
        Assert.Contains(missing, Assert.Throws<IOException>(() => FolderSync.Flush(missing)).Message, StringComparison.Ordinal);
    }

    private static StateStore StoreIn(string folder) => new(folder, new StateText());

    private void Save(DesiredState state)
    {
        _store.Prepare(state);
        Assert.Null(_store.Commit());
    }
}
