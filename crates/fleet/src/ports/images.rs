//! The port to images and instance types.

use super::FleetError;
use crate::image::{ImageChoice, ImageFacts, LaunchableType};

/// The facts of an instance type and of an image; no image if there is none for the type.
pub type FoundImage = Result<(LaunchableType, Option<ImageFacts>), FleetError>;

/// The images and instance types of a region.
pub trait Images {
    /// Starts to query the facts of an instance type, and of the image that a launch names. An
    /// alias means the newest image for [`LaunchableType::architecture`]; without that there is no
    /// image.
    ///
    /// The returned function waits for the answers. Requests that are sent before it is called do
    /// not wait for them. It fails if AWS does not know the type or the image, or did not answer.
    fn query_image<'a>(
        &'a self,
        region: &str,
        instance_type: &str,
        choice: &ImageChoice,
    ) -> Box<dyn FnOnce() -> FoundImage + 'a>;

    /// Returns the facts of the image with this id.
    ///
    /// # Errors
    /// AWS does not know the image, or did not answer.
    fn describe_image(&self, region: &str, id: &str) -> Result<ImageFacts, FleetError>;
}
