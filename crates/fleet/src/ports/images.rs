//! The port to images and instance types.

use super::FleetError;
use crate::image::{ImageChoice, ImageFacts, LaunchableType};

/// The images and instance types of a region.
pub trait Images {
    /// Returns the facts of an instance type, and of the image that a launch names. An alias means
    /// the newest image for [`LaunchableType::architecture`]; without that there is no image.
    ///
    /// # Errors
    /// AWS does not know the type or the image, or did not answer.
    fn find_image(
        &self,
        region: &str,
        instance_type: &str,
        choice: &ImageChoice,
    ) -> Result<(LaunchableType, Option<ImageFacts>), FleetError>;

    /// Returns the facts of the image with this id.
    ///
    /// # Errors
    /// AWS does not know the image, or did not answer.
    fn describe_image(&self, region: &str, id: &str) -> Result<ImageFacts, FleetError>;
}
