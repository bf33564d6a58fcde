public class SomeName {
}
